"""What each KPI is: its two measures, its unit, who owns it and what moves it.

The definitions are data (`kpis.yaml`, shipped with the service); this file says what they may hold.
"""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from rules.yaml_document import YamlDocument
from rules.yaml_file import Entry


class Measure(StrEnum):
    """What the store counts, or sums, per period and slice."""

    IMPRESSIONS = "impressions"
    CLICKS = "clicks"
    SESSIONS = "sessions"
    FORM_VIEWS = "form_views"
    FORM_STARTS = "form_starts"
    FORM_COMPLETIONS = "form_completions"
    LEADS = "leads"
    QUALIFIED_LEADS = "qualified_leads"
    EMAILS_DELIVERED = "emails_delivered"
    EMAILS_CLICKED = "emails_clicked"
    SPEND = "spend"


class Unit(StrEnum):
    SHARE = "share"
    MONEY = "money"


class Direction(StrEnum):
    INCREASE = "increase"
    DECREASE = "decrease"


class Family(StrEnum):
    CLICK = "click"
    CONVERSION = "conversion"
    ACQUISITION_COST = "acquisition_cost"
    RETENTION = "retention"
    SATISFACTION = "satisfaction"


class Text(Entry):
    en: str
    fr: str


class KpiDefinition(Entry):
    """One KPI. `direction` is the way that is better.

    `floor` is the rate under which it counts as an obstacle. `stage` is its place in the funnel,
    None for a rate that spans several stages. Under `minimum_denominator` nothing is flagged.
    For `ripe_after_days` past the end of a period its figures still grow by themselves.
    `campaigns` narrows it to campaigns whose name fits a pattern such as `Transac*`: `*` stands
    for any characters, everything else for itself, capitals included.
    """

    code: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    title: Text
    numerator: Measure
    denominator: Measure
    unit: Unit
    direction: Direction
    family: Family
    owner_role: str
    levers: tuple[Text, ...]
    stage: int | None = Field(default=None, ge=1)
    floor: float | None = Field(default=None, gt=0, lt=1)
    minimum_denominator: int = Field(default=30, ge=1)
    ripe_after_days: int = Field(default=0, ge=0)
    campaigns: str | None = None

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if not self.levers:
            raise ValueError("levers: a KPI that nothing moves is no use")
        if self.denominator is Measure.SPEND:
            raise ValueError("denominator: spend is money and cannot be counted per")
        if (self.numerator is Measure.SPEND) != (self.unit is Unit.MONEY):
            raise ValueError("unit: money goes with the numerator spend, share with a count")
        if self.unit is Unit.MONEY and self.floor is not None:
            raise ValueError("floor: only a share has one")
        return self


class Catalogue(Entry):
    version: int = Field(ge=1, le=1)
    kpis: tuple[KpiDefinition, ...]

    @model_validator(mode="after")
    def _codes_and_stages_are_given_once(self) -> Self:
        codes = [kpi.code for kpi in self.kpis]
        stages = [kpi.stage for kpi in self.kpis if kpi.stage is not None]
        for code in codes:
            if codes.count(code) > 1:
                raise ValueError(f"kpis: the code {code} is given twice")
        for stage in stages:
            if stages.count(stage) > 1:
                raise ValueError(f"kpis: stage {stage} is given twice")
        return self

    def by_code(self) -> dict[str, KpiDefinition]:
        return {kpi.code: kpi for kpi in self.kpis}

    def funnel(self) -> tuple[KpiDefinition, ...]:
        """The stages from first to last."""
        stages = [(kpi.stage, kpi) for kpi in self.kpis if kpi.stage is not None]
        return tuple(kpi for _, kpi in sorted(stages, key=lambda entry: entry[0]))


def parse_catalogue(text: str, source: str) -> Catalogue:
    """The definitions in `text`; raises FileProblem with `source:line: field: reason`."""
    return YamlDocument.read(text, source).validated(Catalogue)
