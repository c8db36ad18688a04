"""The whole account: stores, links, properties, campaigns, and the rules that tie them."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256

from connectors.hubspot.portal import company
from connectors.hubspot.portal.errors import conflict, invalid, not_found
from connectors.hubspot.portal.options import SandboxOptions
from connectors.hubspot.portal.store import Entry, Store, Values, iso
from connectors.sandbox.clock import Clock

LONGEST_BODY = 65_536
KINDS = {
    "contacts": ("0-1", "lastmodifieddate", "createdate", 10_000_000_001),
    "deals": ("0-3", "hs_lastmodifieddate", "createdate", 90_000_000_001),
    "leads": ("0-136", "hs_lastmodifieddate", "hs_createdate", 60_000_000_001),
    "tasks": ("0-27", "hs_lastmodifieddate", "hs_createdate", 80_000_000_001),
    "goal_targets": ("0-74", "hs_lastmodifieddate", "hs_createdate", 70_000_000_001),
}
READ_ONLY = {"hs_object_id", "hs_is_closed", "hs_is_closed_won", "hs_kpi_value"}
CAMPAIGN_DAYS = 60
Link = tuple[int, int]


@dataclass
class Property:
    name: str
    type: str
    label: str
    unique: bool = False
    own: bool = True


def _stores() -> dict[str, Store]:
    return {name: Store(name, *rest) for name, rest in KINDS.items()}


def _properties() -> dict[str, dict[str, Property]]:
    return {
        kind: {
            name: Property(name, type_, name, own=not name.startswith(("retro_", "utm_")))
            for name, type_ in names.items()
        }
        for kind, names in company.PROPERTIES.items()
    }


@dataclass
class Account:
    options: SandboxOptions
    clock: Clock
    stores: dict[str, Store] = field(default_factory=_stores)
    properties: dict[str, dict[str, Property]] = field(default_factory=_properties)
    links: dict[tuple[str, str], dict[int, list[Link]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    spend: dict[str, list[tuple[date, str]]] = field(default_factory=dict)

    def kind(self, name: str) -> str:
        """The name of an object by its name or type id. Raises Refused."""
        for kind, store in self.stores.items():
            if name in (kind, store.type_id):
                return kind
        raise not_found(f"object type {name}")

    def link(self, kind: str, from_id: int, other: str, to_id: int, type_id: int) -> None:
        """Both ways, each with a type of its own."""
        self.links[kind, other].setdefault(from_id, []).append((to_id, type_id))
        back = min(company.LINKS.get((other, kind), {type_id + 1}))
        self.links[other, kind].setdefault(to_id, []).append((from_id, back))

    def linked(self, kind: str, id_: int, other: str) -> list[Link]:
        held, others = self.links[kind, other].get(id_, []), self.stores[other]
        return [one for one in held if others.get(str(one[0])) is not None]

    def create(self, kind: str, values: Values, at: float) -> Entry:
        """Raises Refused."""
        store = self.stores[kind]
        self._check(kind, values)
        if kind == "tasks":
            missing = [n for n in ("hs_timestamp", *self.options.required) if not values.get(n)]
            if missing:
                raise invalid(f"{', '.join(missing)} is required", missing)
            values = {"hs_task_status": "NOT_STARTED", **values}
        self._check_unique(kind, values, None)
        entry = store.add({k: v or None for k, v in values.items()}, at)
        store.born(entry)
        stage = company.STAGE_PROPERTY.get(kind)
        if stage and entry.values.get(stage):
            self.entered(kind, entry, str(entry.values[stage]), at)
        if kind == "deals":
            self.settle_deal(entry, closed_at=at)
        return entry

    def update(self, kind: str, entry: Entry, values: Values, at: float) -> list[str]:
        """The names of what changed. Raises Refused."""
        self._check(kind, values)
        self._check_unique(kind, values, entry)
        cleared = {name: value or None for name, value in values.items()}
        changed = self.stores[kind].change(entry, cleared, at)
        stage = company.STAGE_PROPERTY.get(kind)
        if stage in changed and entry.values.get(stage):
            self.entered(kind, entry, str(entry.values[stage]), at)
            if kind == "deals":
                self.settle_deal(entry, closed_at=at)
        return changed

    def entered(self, kind: str, entry: Entry, stage: str, at: float) -> None:
        """The computed property of the moment a record came into a stage."""
        if kind == "leads":
            entry.values[f"hs_v2_date_entered_{stage}"] = iso(at)

    def settle_deal(self, entry: Entry, closed_at: float) -> None:
        stage = str(entry.values.get("dealstage"))
        closed, won = company.is_closed("deals", stage)
        entry.values["pipeline"] = company.pipeline_of("deals", stage) or entry.values["pipeline"]
        entry.values["hs_is_closed"] = "true" if closed else "false"
        entry.values["hs_is_closed_won"] = "true" if won else "false"
        # A plan while it is open.
        entry.values["closedate"] = iso(closed_at if closed else closed_at + 30 * 86_400)

    def by_property(self, kind: str, name: str, value: str) -> Entry | None:
        for entry in self.stores[kind].entries.values():
            if entry.archived is None and entry.values.get(name) == value:
                return entry
        return None

    def _check(self, kind: str, values: Values) -> None:
        known = self.properties[kind]
        unknown = [name for name in values if name not in known]
        if unknown:
            raise invalid(f'Property "{unknown[0]}" does not exist', unknown)
        fixed = [name for name in values if name in READ_ONLY]
        if fixed:
            raise invalid(f'"{fixed[0]}" is a read only property', fixed)
        for name, value in values.items():
            if value and not _fits(kind, known[name], value):
                raise invalid(f"{name}: {value!r} was not valid", [name])
        if len(values.get("hs_task_body") or "") > LONGEST_BODY:
            raise invalid("hs_task_body is too long", ["hs_task_body"])
        owner = values.get("hubspot_owner_id")
        if owner and owner not in {one[0] for one in company.OWNERS}:
            raise invalid(f"hubspot_owner_id: owner {owner} does not exist", ["hubspot_owner_id"])

    def _check_unique(self, kind: str, values: Values, entry: Entry | None) -> None:
        for name, value in values.items():
            if value and self.properties[kind][name].unique:
                other = self.by_property(kind, name, value)
                if other is not None and other is not entry:
                    told = f"{other.id} already has that value for {name}"
                    raise invalid(told, [name])
        email = values.get("email") if kind == "contacts" else None
        if email and (other := self.by_property(kind, "email", email)) not in (None, entry):
            assert other is not None
            raise conflict(f"Contact already exists. Existing ID: {other.id}")

    def sessions(self, guid: str, day: date) -> int:
        """Made up, and the same each time."""
        return int(sha256(f"{guid}{day}".encode()).hexdigest()[:4], 16) % 200

    def campaign_span(self) -> tuple[date, date]:
        today = self.clock.now().date()
        return today - timedelta(days=CAMPAIGN_DAYS), today + timedelta(days=CAMPAIGN_DAYS)


def _fits(kind: str, known: Property, value: str) -> bool:
    if kind == "tasks" and known.name in company.TASK_CHOICES:
        return value in company.TASK_CHOICES[known.name]
    try:
        if known.type == "number":
            float(value)
        if known.type == "datetime" and not value.isdecimal():
            return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
    if kind in company.STAGE_PROPERTY and known.name == company.STAGE_PROPERTY[kind]:
        return bool(company.pipeline_of(kind, value))
    return known.type != "bool" or value in ("true", "false")
