"""The counts that portal and files must hold: those of the story, or others like them."""

from decimal import Decimal
from itertools import pairwise
from random import Random

from pydantic import Field, model_validator

from rules.yaml_file import Entry
from workers.demo.moments import Days, seeded

CENT = Decimal("0.01")
STAGES = ("impressions", "clicks", "sessions", "form_starts", "leads", "qualified")
GROUPS = ("treated_before", "treated_after", "control_before", "control_after")


class Clicks(Entry):
    """E-mails of one group in one window."""

    clicked: int = Field(ge=0)
    delivered: int = Field(ge=1)

    @model_validator(mode="after")
    def _clicked_were_delivered(self) -> "Clicks":
        _check_falling(delivered=self.delivered, clicked=self.clicked)
        return self


class EmailCounts(Entry):
    campaign: str
    before: Days
    after: Days
    treated_before: Clicks
    treated_after: Clicks
    control_before: Clicks
    control_after: Clicks


class EarlierLeads(Entry):
    """The leads of an earlier campaign, and how many of them became sales."""

    campaign: str
    period: Days
    leads: int = Field(ge=1)
    sales: int = Field(ge=0)

    @model_validator(mode="after")
    def _sales_were_leads(self) -> "EarlierLeads":
        _check_falling(leads=self.leads, sales=self.sales)
        return self


class StoryCounts(Entry):
    """The funnel of one campaign in `period`, the earlier leads and the e-mails."""

    campaign: str
    period: Days
    impressions: int = Field(ge=1)
    clicks: int
    sessions: int
    form_starts: int
    leads: int
    qualified: int = Field(ge=0)
    spend: Decimal = Field(ge=0, decimal_places=2)
    currency: str
    earlier: EarlierLeads
    emails: EmailCounts

    @model_validator(mode="after")
    def _narrows(self) -> "StoryCounts":
        _check_falling(**{name: getattr(self, name) for name in STAGES})
        return self


def perturbed(counts: StoryCounts, seed: int) -> StoryCounts:
    """Other counts in the same places: every one differs, and no stage outgrows the one before.

    Rates move by about a quarter in the funnel and a tenth in the e-mails, enough for flags and
    verdicts to fall otherwise with some seeds.
    """
    random = seeded(seed, "perturbed")
    funnel: dict[str, int] = {"impressions": _moved(counts.impressions, 0.3, random)}
    for above, name in pairwise(STAGES):
        numerator, denominator = getattr(counts, name), getattr(counts, above)
        funnel[name] = _rescaled(numerator, denominator, funnel[above], 0.25, random)
    earlier_leads = _moved(counts.earlier.leads, 0.15, random)
    earlier_sales = _rescaled(
        counts.earlier.sales, counts.earlier.leads, earlier_leads, 0.4, random
    )
    emails = counts.emails
    return StoryCounts.model_validate(
        counts.model_dump()
        | funnel
        | {
            "spend": _moved(int(counts.spend * 100), 0.3, random) * CENT,
            "earlier": counts.earlier.model_dump()
            | {"leads": earlier_leads, "sales": earlier_sales},
            "emails": emails.model_dump()
            | {group: _moved_clicks(getattr(emails, group), random) for group in GROUPS},
        }
    )


def _check_falling(**counts: int) -> None:
    for above, below in pairwise(counts):
        if counts[below] > counts[above]:
            raise ValueError(f"{counts[below]} {below} of {counts[above]} {above}")


def _moved_clicks(clicks: Clicks, random: Random) -> dict[str, int]:
    delivered = _moved(clicks.delivered, 0.15, random)
    clicked = _rescaled(clicks.clicked, clicks.delivered, delivered, 0.08, random)
    return {"clicked": clicked, "delivered": delivered}


def _moved(count: int, spread: float, random: Random) -> int:
    moved = max(1, round(count * _factor(spread, random)))
    return moved if moved != count else count + 1


def _rescaled(
    numerator: int, denominator: int, new_denominator: int, spread: float, random: Random
) -> int:
    """A numerator for the new denominator, at about the same rate."""
    rate = min(0.95, numerator / denominator * _factor(spread, random))
    moved = min(new_denominator, max(1, round(new_denominator * rate)))
    return moved if moved != numerator else moved - 1


def _factor(spread: float, random: Random) -> float:
    return min(2.0, max(0.5, random.lognormvariate(0, spread)))
