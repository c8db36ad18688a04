"""The whole org: its objects, and the rules that tie them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from connectors.salesforce.portal import company
from connectors.salesforce.portal.errors import Refused, bad, not_found
from connectors.salesforce.portal.ids import numbered
from connectors.salesforce.portal.options import SandboxOptions
from connectors.salesforce.portal.schema import Field, schema
from connectors.salesforce.portal.soql import TEXTS, Query, parse
from connectors.salesforce.portal.store import Entry, Store, Values, stamp
from connectors.sandbox.clock import Clock

ARCHIVED_AFTER = timedelta(days=365)
ORG_NUMBER = 77


@dataclass
class Org:
    options: SandboxOptions
    clock: Clock
    stores: dict[str, Store] = field(default_factory=dict)
    cursors: dict[str, tuple[float, Query, list[str], bool]] = field(default_factory=dict)

    @cached_property
    def columns(self) -> dict[str, dict[str, Field]]:
        """All there is, whether or not the integration user may see it."""
        return schema(replace(self.options, hidden=frozenset(), without=frozenset()))

    @cached_property
    def schema(self) -> dict[str, dict[str, Field]]:
        return schema(self.options)

    @property
    def id(self) -> str:
        return numbered("Organization", ORG_NUMBER)

    def store(self, kind: str) -> Store:
        return self.stores.setdefault(kind, Store(kind))

    def fields(self, kind: str) -> dict[str, Field]:
        """Raises Refused."""
        if kind not in self.schema:
            raise not_found()
        return self.schema[kind]

    # Reading.

    def found(self, text: str, everything: bool) -> tuple[Query, list[Entry]]:
        """What fits a query, in its order. `everything` has the Recycle Bin and archived tasks.

        Raises Refused.
        """
        query = parse(text, self.schema)
        rows = [
            (entry, values)
            for entry, values in self._visible(query.object, query.above, everything)
            if query.where(self.getter(values))
        ]
        for name, upwards in reversed(() if query.by_id else query.order):
            folds = self.schema[query.object][name].type in TEXTS
            rows.sort(key=lambda row: _ordered(row[1].get(name), folds), reverse=not upwards)
        if query.order == [("Id", False)]:
            rows.reverse()
        end = None if query.limit is None else query.offset + query.limit
        return query, [entry for entry, _ in rows[query.offset : end]]

    def seen(self, entry: Entry) -> Values | None:
        return entry.seen(self.clock.seconds())

    def getter(self, values: Values) -> Callable[[str], Any]:
        return lambda path: self.value(values, path)

    def value(self, values: Values, path: str) -> Any:
        *through, name = path.split(".")
        for step in through:
            wanted = values.get(f"{step}Id")
            entry = next(
                (one.entries[wanted] for one in self.stores.values() if wanted in one.entries), None
            )
            if entry is None:
                return None
            values = self.seen(entry) or entry.values
        return values.get(name)

    def shown(self, kind: str, values: Values, names: list[str]) -> dict[str, Any]:
        url = f"/services/data/v67.0/sobjects/{kind}/{values['Id']}"
        row: dict[str, Any] = {"attributes": {"type": kind, "url": url}}
        for name in names:
            row[name] = self.value(values, name)
        return row

    def _visible(self, kind: str, above: str, everything: bool) -> Iterator[tuple[Entry, Values]]:
        store, now = self.store(kind), self.clock.seconds()
        for entry in store.after(above):
            values = entry.seen(now)
            if values is None:
                continue
            if kind == "Task":
                values = {**values, "IsArchived": self._is_archived(values)}
            if everything:
                if not values["IsDeleted"] or store.in_bin(entry, now):
                    yield entry, values
            elif not values["IsDeleted"] and not values.get("IsArchived"):
                yield entry, values

    def _is_archived(self, values: Values) -> bool:
        due = date.fromisoformat(values.get("ActivityDate") or values["CreatedDate"][:10])
        oldest = self.clock.now().date() - ARCHIVED_AFTER
        return bool(values.get("IsClosed")) and due < oldest

    # Writing.

    def create(self, kind: str, values: Values, visible_after: float = 0.0) -> Entry:
        """Raises Refused."""
        self._check(kind, values)
        missing = [
            one.name
            for one in self.fields(kind).values()
            if one.required and values.get(one.name) in (None, "")
        ]
        if missing:
            raise bad("REQUIRED_FIELD_MISSING", f"Required fields are missing: {missing}", *missing)
        self._check_unique(kind, values, None)
        now = self.clock.seconds()
        integration = numbered("User", company.INTEGRATION)
        owner = {"OwnerId": integration} if "OwnerId" in self.fields(kind) else {}
        given = {"CreatedById": integration, **owner, **_defaults(kind), **values}
        given = {**dict.fromkeys(self.fields(kind)), **given}
        entry = self.store(kind).add(self._settled(kind, given, {}, now), now, now + visible_after)
        if kind == "Opportunity":
            self.log(entry, now)
        return entry

    def update(self, kind: str, entry: Entry, values: Values, visible_after: float = 0.0) -> None:
        """Raises Refused."""
        self._check(kind, values, entry)
        self._check_unique(kind, values, entry)
        now, before = self.clock.seconds(), dict(entry.values)
        changed = self._settled(kind, {**before, **values}, before, now)
        self.store(kind).change(entry, changed, now, now + visible_after)
        watched = ("StageName", "Amount", "Probability", "CloseDate")
        if kind == "Opportunity" and any(before.get(one) != changed.get(one) for one in watched):
            self.log(entry, now)

    def log(self, entry: Entry, at: float) -> None:
        """A row of stage history."""
        names = ("StageName", "Amount", "Probability", "CloseDate")
        row = {name: entry.values.get(name) for name in names}
        category = entry.values.get("ForecastCategoryName")
        self.store("OpportunityHistory").add(
            {**row, "OpportunityId": entry.id, "ForecastCategory": category}, at
        )

    def delete(self, kind: str, entry: Entry, at: float, visible_at: float = 0.0) -> None:
        """Into the Recycle Bin, with what belongs to it."""
        self.store(kind).delete(entry, at, visible_at)
        for row in self._history_of(kind, entry):
            self.store("OpportunityHistory").delete(row, at, visible_at)

    def restore(self, kind: str, entry: Entry, at: float) -> None:
        self.store(kind).restore(entry, at)
        for row in self._history_of(kind, entry):
            self.store("OpportunityHistory").restore(row, at)

    def _history_of(self, kind: str, entry: Entry) -> list[Entry]:
        rows = self.store("OpportunityHistory").entries.values() if kind == "Opportunity" else ()
        return [row for row in rows if row.values["OpportunityId"] == entry.id]

    def entry(self, kind: str, id_: str) -> Entry:
        """Raises Refused."""
        self.fields(kind)
        there = self.store(kind).get(id_)
        if there is None:
            if id_ in self.store(kind).entries:
                raise Refused(404, "ENTITY_IS_DELETED", "entity is deleted")
            raise not_found("Provided external ID field does not exist or is not accessible")
        return there

    def with_value(self, kind: str, name: str, value: str) -> list[Entry]:
        wanted = value.casefold()
        return [
            one
            for one in self.store(kind).entries.values()
            if not one.values["IsDeleted"] and str(one.values.get(name) or "").casefold() == wanted
        ]

    def _settled(self, kind: str, values: Values, before: Values, at: float) -> Values:
        """With what the org itself makes of it."""
        made = dict(values)
        if kind == "Lead":
            parts = (values.get("FirstName"), values.get("LastName"))
            made["Name"] = " ".join(part for part in parts if part)
        if kind == "Opportunity" and values.get("StageName") != before.get("StageName"):
            closed, won, probability, category = company.stage(str(values["StageName"]))
            made |= {"IsClosed": closed, "IsWon": won, "Probability": probability}
            made |= {"ForecastCategoryName": category, "LastStageChangeDate": stamp(at)}
        if kind == "Task":
            closed = any(one[0] == values.get("Status") and one[1] for one in company.TASK_STATUSES)
            made["IsClosed"] = closed
            if closed != bool(before.get("IsClosed")):
                made["CompletedDateTime"] = stamp(at) if closed else None
        return made

    def _check(self, kind: str, values: Values, entry: Entry | None = None) -> None:
        known = self.fields(kind)
        for name, value in values.items():
            if name not in known:
                raise bad("INVALID_FIELD", f"No such column '{name}' on sobject of type {kind}")
            one = known[name]
            if not one.writable or (one.create_only and entry is not None):
                told = f"Unable to create/update fields: {name}"
                raise bad("INVALID_FIELD_FOR_INSERT_UPDATE", told, name)
            if value is not None:
                self._check_value(one, value)
        both = {**(entry.values if entry else {}), **values}
        if kind == "Task" and str(both.get("WhoId") or "").startswith("00Q") and both.get("WhatId"):
            told = "A lead's task cannot have another relation"
            raise bad("FIELD_INTEGRITY_EXCEPTION", told, "WhatId")

    def _check_value(self, one: Field, value: Any) -> None:
        if one.type == "boolean":
            good = isinstance(value, bool)
        elif one.type in ("double", "currency", "int", "percent"):
            good = isinstance(value, int | float) and not isinstance(value, bool)
        else:
            good = isinstance(value, str) and (one.type != "date" or _is_date(value))
        if not good:
            told = f"Cannot deserialize instance of {one.type} from {value!r}"
            raise bad("JSON_PARSER_ERROR", told)
        if one.length and len(value) > one.length:
            raise bad("STRING_TOO_LONG", f"{one.name}: data value too large", one.name)
        if one.picks and value not in one.picks:
            told = f"{one.name}: bad value for restricted picklist field: {value}"
            raise bad("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", told, one.name)
        if one.to:
            self._check_reference(one, value)

    def _check_reference(self, one: Field, value: str) -> None:
        found = [each for kind in one.to if (each := self.store(kind).get(value)) is not None]
        if not found:
            told = f"invalid cross reference id: {value}"
            raise bad("INVALID_CROSS_REFERENCE_KEY", told, one.name)
        if one.to == ("User",) and not found[0].values["IsActive"]:
            raise bad("INACTIVE_OWNER_OR_USER", "operation performed with inactive user", one.name)

    def _check_unique(self, kind: str, values: Values, entry: Entry | None) -> None:
        for name, value in values.items():
            if self.fields(kind)[name].unique and value:
                others = [one for one in self.with_value(kind, name, value) if one is not entry]
                if others:
                    told = f"duplicate value found: {name} duplicates value on {others[0].id}"
                    raise bad("DUPLICATE_VALUE", told, name)
        if kind == "ForecastingQuota" and entry is None:
            natural = ("QuotaOwnerId", "ForecastingTypeId", "StartDate")
            for one in self.store(kind).entries.values():
                if all(one.values.get(name) == values.get(name) for name in natural):
                    raise bad("DUPLICATE_VALUE", "a quota of this owner and period exists")


def _defaults(kind: str) -> Values:
    if kind == "Task":
        return {"Status": "Not Started", "Priority": "Normal"}
    if kind == "Lead":
        return {"Status": company.LEAD_STATUSES[0][0], "IsConverted": False}
    return {}


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return len(value) == len("2026-11-23")


def _ordered(value: Any, folds: bool) -> Any:
    """Nothing comes first."""
    return (value is not None, value.casefold() if folds and value else value or 0)
