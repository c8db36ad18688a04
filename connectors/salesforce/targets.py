"""KPI targets out: as records of an object that an administrator made, or as quotas of forecasts.

Records are found by our key. Quotas have no place for it: there is one of an owner, a forecasting
type and a period, so it is looked for by those before it is made.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from connectors.errors import NotPermitted, Rejected
from connectors.models import KpiTarget, TargetForm, Words
from connectors.salesforce.config import SalesforceConfig
from connectors.salesforce.facts import Facts
from connectors.salesforce.wire import Org, quoted, select

QUOTA, QUOTAS = "quota:", "ForecastingQuota"
NEEDED = "Target__c"
RECHECK = "Recheck_On__c"
RESULTS = ("Actual__c", "Outcome__c")
LONGEST_NAME, LONGEST_TEXT = 80, 255
DIGITS = 6
MONEY, SHARE = "money", "share"
AS_RECORD = TargetForm(
    Words("record of the KPI target object", "enregistrement de l'objet des cibles KPI")
)
AS_QUOTA = TargetForm(Words("quota of a forecast", "quota d'une prévision"))
FORMS = (AS_RECORD, AS_QUOTA)
PLANNED = "Set it to the planned figures or delete it, then retry the write."


class Targets:
    def __init__(self, org: Org, facts: Facts, config: SalesforceConfig) -> None:
        self._org = org
        self._facts = facts
        self._object = config.target_object
        self._key = config.key_field
        self._types = config.quotas

    def prepare(self) -> None:
        """Raises NotPermitted where the org has no place for a target."""
        if self._types and not self._facts.described(QUOTAS).createable:
            raise NotPermitted(
                "The org has no quotas, or the user may not write them.",
                next_step="Switch on forecasts and give the user Manage Quotas, or leave quotas "
                "out of the settings.",
            )
        if not self._types:
            self.prepare_object()

    def create(self, target: KpiTarget) -> str:
        if target.owner is not None and self._is_quota(target):
            return f"{QUOTA}{self._create_quota(target, target.owner)}"
        self.prepare_object()
        return self._org.upsert(self._object, self._key, target.key, self._values(target))

    def find(self, key: str) -> list[str]:
        if self._key not in self._facts.fields(self._object):
            return []
        asked = select(("Id", self._key), self._object, [f"{self._key} = {quoted(key)}"])
        rows = self._org.all(asked, dict[str, Any])
        return [row["Id"] for row in rows if row[self._key] == key]

    def check(self, remote_id: str, target: KpiTarget) -> None:
        """People may rename it or hand it over; the figure must be as planned."""
        kind, name = self._object, NEEDED
        if remote_id.startswith(QUOTA):
            kind, name = QUOTAS, _figure(target)
        if not _same(self._held(kind, remote_id.removeprefix(QUOTA), name), target):
            told = f"The KPI target {remote_id} in Salesforce does not hold the planned figure."
            raise Rejected(told, next_step=PLANNED)

    def update(self, remote_id: str, target: KpiTarget) -> date | None:
        """What is ours: the actual value and the outcome. Name, owner and dates belong to people,
        but for a day that is as we wrote it. A quota measures itself, over its own month."""
        if remote_id.startswith(QUOTA):
            return None
        if target.moved_from is not None:
            return self._move(remote_id, target)
        values = {name: value for name, value in self._values(target).items() if name in RESULTS}
        if values:
            self._org.update(self._object, remote_id, values)
        return None

    def _move(self, remote_id: str, target: KpiTarget) -> date | None:
        """None where the object has no such field, or the user may not write it."""
        becomes = self._values(target).get(RECHECK)
        if becomes is None:
            return None
        held = self._held(self._object, remote_id, RECHECK)
        day = date.fromisoformat(held[:10]) if held else None
        if day == target.moved_from:
            self._org.update(self._object, remote_id, {RECHECK: becomes})
        return day

    def form(self, target: KpiTarget, remote_id: str | None) -> TargetForm:
        if remote_id is not None:
            return AS_QUOTA if remote_id.startswith(QUOTA) else AS_RECORD
        return AS_QUOTA if self._is_quota(target) else AS_RECORD

    def _is_quota(self, target: KpiTarget) -> bool:
        """A quota is money or pieces of an owner: it knows neither shares nor segments."""
        known = target.kpi in self._types and target.owner is not None
        return known and target.unit != SHARE and target.segment is None

    def _held(self, kind: str, id_: str, name: str) -> Any:
        path = self._org.path("sobjects", kind, id_)
        return self._org.api.get(path, {"fields": name}).decode(dict[str, Any])[name]

    def prepare_object(self) -> None:
        row = self._facts.fields(self._object).get(self._key)
        if row is None or not row.external_id or not row.unique:
            raise NotPermitted(
                f"The org has no object {self._object} with an external id {self._key}.",
                next_step="Make it as docs/tools/salesforce.md says and give the integration user "
                f"access to it; the tasks go out without it.{self._usual()}",
            )

    def _usual(self) -> str:
        """Where somebody named another object than the one of the documentation, which is there."""
        usual = SalesforceConfig.model_fields["target_object"].default
        if self._object == usual or not self._facts.fields(usual):
            return ""
        return f" There is target_object={usual}."

    def _values(self, target: KpiTarget) -> Mapping[str, Any]:
        """What the object has of it, which is the administrator's matter but for the target."""
        values = {
            "Name": target.title[:LONGEST_NAME],
            "KPI__c": target.kpi,
            "Segment__c": target.segment,
            "Unit__c": target.unit,
            "Decision__c": target.decision[:LONGEST_TEXT],
            "Baseline__c": target.baseline,
            NEEDED: target.target,
            "Actual__c": target.actual,
            "Starts_On__c": target.starts_on.isoformat(),
            RECHECK: target.recheck_on.isoformat(),
            "Outcome__c": target.outcome,
            "OwnerId": target.owner,
        }
        there = {name for name, row in self._facts.fields(self._object).items() if row.updateable}
        return {
            name: value
            for name, value in values.items()
            if value is not None and (name in there or name == NEEDED)
        }

    def _create_quota(self, target: KpiTarget, owner: str) -> str:
        """Raises Rejected where somebody planned another figure for the period."""
        period, kind = target.starts_on.replace(day=1), self._types[target.kpi]
        found = self._quotas(owner, kind, period, _figure(target))
        if not found:
            return self._org.create(
                QUOTAS,
                {
                    "QuotaOwnerId": owner,
                    "ForecastingTypeId": kind,
                    "StartDate": period.isoformat(),
                    _figure(target): target.target,
                },
            )
        if not _same(found[0][_figure(target)], target):
            told = f"There is another quota of this owner from {period.isoformat()} on."
            raise Rejected(told, next_step=PLANNED)
        return str(found[0]["Id"])

    def _quotas(
        self, owner: str, kind: str, period: date, figure: str
    ) -> Sequence[Mapping[str, Any]]:
        conditions = [
            f"QuotaOwnerId = {quoted(owner)}",
            f"ForecastingTypeId = {quoted(kind)}",
            f"StartDate = {period.isoformat()}",
        ]
        return self._org.all(select(("Id", figure), QUOTAS, conditions), dict[str, Any])


def _figure(target: KpiTarget) -> str:
    """Where a quota has it: its type is of money or of pieces."""
    return "QuotaAmount" if target.unit == MONEY else "QuotaQuantity"


def _same(held: float | None, target: KpiTarget) -> bool:
    return held is not None and round(held, DIGITS) == round(target.target, DIGITS)
