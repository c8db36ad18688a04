"""KPI targets out, as items of a smart process: the portal has no object for targets.

The type and its fields are made on first use. A fixed entity type number is unique in a portal,
which makes its creation safe to repeat.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import Any

from msgspec import Raw, Struct

from connectors.bitrix24.fields import ItemsAnswer, shown_names
from connectors.bitrix24.wire import Portal
from connectors.errors import BadResponse, NotPermitted, Rejected
from connectors.models import KpiTarget, TargetForm, Words

TITLE = "Retro ROI KPI targets"
FORMS = (
    TargetForm(
        Words(f"item of the smart process {TITLE!r}", f"élément du processus intelligent {TITLE!r}")
    ),
)
FIRST_TYPE = 1038
TRIES = 5
# Rates need more than the two decimals a number field keeps by default.
DECIMALS = 6
FIELDS = {
    "METRIC": "string",
    "SEGMENT": "string",
    "UNIT": "string",
    "DECISION": "string",
    "BASELINE": "double",
    "TARGET": "double",
    "ACTUAL": "double",
}
CLOSE = "closedate"
STAGES = {"met": "SUCCESS", "missed": "FAIL"}
NEEDS_ADMIN = "Make the webhook as a CRM administrator of the portal, then run a check."


class TypeRow(Struct, frozen=True, rename="camel"):
    """`id` names its fields (CRM_7), `entity_type_id` its items."""

    id: int
    title: str
    entity_type_id: int


class TypesAnswer(Struct, frozen=True):
    types: list[TypeRow]


class TypeAnswer(Struct, frozen=True):
    type: TypeRow


class ItemAnswer(Struct, frozen=True):
    item: dict[str, Any]


class Targets:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._type: TypeRow | None = None
        self._names: Mapping[str, str] = {}

    def entity_type(self) -> int | None:
        """None while no target was ever written."""
        kind = self._find_type()
        return None if kind is None else kind.entity_type_id

    def prepare(self) -> None:
        """Safe to repeat, also from another process."""
        if self._names:
            return
        kind = self._find_type() or self._make_type()
        names = self._shown(kind)
        missing = [name for name in FIELDS if name not in names]
        for name in missing:
            self._make_field(kind, name)
        if missing:
            names = self._shown(kind)
        still = [name for name in FIELDS if name not in names]
        if still:
            raise NotPermitted(
                f"The portal did not make the fields {', '.join(still)} of the KPI targets.",
                next_step=NEEDS_ADMIN,
            )
        self._names = names

    def create(self, target: KpiTarget) -> str:
        self.prepare()
        fields: dict[str, Any] = {
            "title": target.title,
            "xmlId": target.key,
            "begindate": target.starts_on.isoformat(),
            CLOSE: target.recheck_on.isoformat(),
            **self._values(target),
        }
        if target.owner is not None:
            fields["assignedById"] = int(target.owner)
        answer = self._portal.write(
            "crm.item.add", {"entityTypeId": self._entity_type(), "fields": fields}, ItemAnswer
        )
        lost = _not_kept(fields, answer.item)
        if lost is not None:
            # It is there: whoever looks it up compares it again, and has it put right.
            raise BadResponse(f"The portal did not keep the value of {lost} of a KPI target.")
        return str(answer.item["id"])

    def find(self, key: str) -> list[str]:
        if self._find_type() is None:
            return []
        wanted = {
            "entityTypeId": self._entity_type(),
            "filter": {"=xmlId": key},
            "order": {"id": "ASC"},
            "select": ["id", "xmlId"],
            "start": -1,
        }
        items = self._portal.read("crm.item.list", wanted, ItemsAnswer).items
        return [str(item["id"]) for item in items if item.get("xmlId") == key]

    def check(self, remote_id: str, target: KpiTarget) -> None:
        """What people may rename or hand over is theirs; the figures must be what was planned."""
        self.prepare()
        _check_kept(self._values(target), self._item(remote_id), remote_id)

    def update(self, remote_id: str, target: KpiTarget) -> date | None:
        """What is ours: the actual value, and the stage when the outcome is clear. Target, owner
        and period belong to the portal's people, but for an end that is as we wrote it."""
        if target.moved_from is not None:
            return self._move(remote_id, target)
        self.prepare()
        fields: dict[str, Any] = {}
        if target.actual is not None:
            fields[self._names["ACTUAL"]] = round(target.actual, DECIMALS)
        if target.outcome in STAGES:
            fields["stageId"] = f"{self._stage_prefix(remote_id)}:{STAGES[target.outcome]}"
        if fields:
            _check_kept(fields, self._change(remote_id, fields), remote_id)
        return None

    def _move(self, remote_id: str, target: KpiTarget) -> date | None:
        held = _day(self._item(remote_id).get(CLOSE))
        if held == target.moved_from:
            self._change(remote_id, {CLOSE: target.recheck_on.isoformat()})
        return held

    def _change(self, remote_id: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """The item as it is then."""
        wanted = {"entityTypeId": self._entity_type(), "id": int(remote_id), "fields": fields}
        return self._portal.write("crm.item.update", wanted, ItemAnswer, repeatable=True).item

    def form(self, _target: KpiTarget, _remote_id: str | None) -> TargetForm:
        return FORMS[0]

    def _values(self, target: KpiTarget) -> dict[str, Any]:
        values = {
            "METRIC": target.kpi,
            "SEGMENT": target.segment,
            "UNIT": target.unit,
            "DECISION": target.decision,
            "BASELINE": target.baseline,
            "TARGET": target.target,
            "ACTUAL": target.actual,
        }
        return {
            self._names[name]: round(value, DECIMALS) if isinstance(value, float | int) else value
            for name, value in values.items()
            if value is not None
        }

    def _stage_prefix(self, remote_id: str) -> str:
        return f"DT{self._entity_type()}_{self._item(remote_id)['categoryId']}"

    def _item(self, remote_id: str) -> dict[str, Any]:
        wanted = {"entityTypeId": self._entity_type(), "id": int(remote_id)}
        return self._portal.read("crm.item.get", wanted, ItemAnswer).item

    def _entity_type(self) -> int:
        kind = self._find_type()
        if kind is None:
            raise NotPermitted("The smart process of the KPI targets is gone from the portal.")
        return kind.entity_type_id

    def _find_type(self) -> TypeRow | None:
        if self._type is None:
            found = self._portal.read("crm.type.list", {"filter": {"title": TITLE}}, TypesAnswer)
            self._type = next((one for one in found.types if one.title == TITLE), None)
        return self._type

    def _make_type(self) -> TypeRow:
        taken = {
            one.entity_type_id for one in self._portal.read("crm.type.list", {}, TypesAnswer).types
        }
        free = [n for n in range(FIRST_TYPE, FIRST_TYPE + 200, 2) if n not in taken]
        refused: Rejected | None = None
        for number in free[:TRIES]:
            try:
                answer = self._portal.write(
                    "crm.type.add", {"fields": _type(number)}, TypeAnswer, repeatable=True
                )
            except Rejected as occupied:
                # By another type, or by ours: made meanwhile, or by the call whose answer was lost.
                refused = occupied
                found = self._find_type()
                if found is not None:
                    return found
            else:
                self._type = answer.type
                return answer.type
        raise NotPermitted(
            "The portal did not let us make the smart process for KPI targets.",
            next_step=NEEDS_ADMIN,
        ) from refused

    def _make_field(self, kind: TypeRow, name: str) -> None:
        field: dict[str, Any] = {
            "entityId": f"CRM_{kind.id}",
            "fieldName": _upper(kind, name),
            "userTypeId": FIELDS[name],
            "multiple": "N",
            "mandatory": "N",
            "editFormLabel": {"en": name.capitalize()},
        }
        if FIELDS[name] == "double":
            field["settings"] = {"PRECISION": DECIMALS}
        # "Already exists" comes with an empty code; the fields are read again after this.
        with suppress(Rejected):
            self._portal.write(
                "userfieldconfig.add", {"moduleId": "crm", "field": field}, Raw, repeatable=True
            )

    def _shown(self, kind: TypeRow) -> Mapping[str, str]:
        """Our name → the name in items, of the fields that are there."""
        shown = shown_names(self._portal, kind.entity_type_id)
        uppers = {name: _upper(kind, name) for name in FIELDS}
        return {name: shown[upper] for name, upper in uppers.items() if upper in shown}


def _upper(kind: TypeRow, name: str) -> str:
    return f"UF_CRM_{kind.id}_{name}"


def _type(number: int) -> dict[str, Any]:
    """These link flags want "true", not Y; without them a task's link to an item is dropped."""
    return {
        "title": TITLE,
        "entityTypeId": number,
        "isStagesEnabled": "Y",
        "isCategoriesEnabled": "N",
        "isBeginCloseDatesEnabled": "Y",
        "isObserversEnabled": "Y",
        "isAutomationEnabled": "N",
        "isUseInUserfieldEnabled": "Y",
        "linkedUserFields": {"TASKS_TASK|UF_CRM_TASK": "true"},
        "relations": {"parent": [{"entityTypeId": 2, "isChildrenListEnabled": "true"}]},
    }


def _check_kept(sent: Mapping[str, Any], item: Mapping[str, Any], remote_id: str) -> None:
    lost = _not_kept(sent, item)
    if lost is not None:
        raise Rejected(
            f"The KPI target {remote_id} in the portal does not hold the value of {lost} that was "
            "sent.",
            next_step=f"Look at the type and precision of that field in the portal's {TITLE!r}, "
            f"set it to the planned value in item {remote_id} or delete that item, then retry "
            "the write.",
        )


def _not_kept(sent: Mapping[str, Any], item: Mapping[str, Any]) -> str | None:
    """The portal drops fields it does not know, and decimals beyond a field's precision, in
    silence: the item it answers tells what was kept."""
    for name, value in sent.items():
        if name in ("begindate", CLOSE):
            continue
        kept = item.get(name)
        same = _close(kept, value) if isinstance(value, float | int) else kept == value
        if not same:
            return name
    return None


def _day(shown: str | None) -> date | None:
    """The portal shows a day as a moment of it, in its own zone."""
    return date.fromisoformat(shown[:10]) if shown else None


def _close(kept: object, value: float) -> bool:
    try:
        return round(float(str(kept)), DECIMALS) == round(value, DECIMALS)
    except ValueError:
        return False
