"""Goals: KPI targets that Pipedrive counts itself."""

import hashlib
from datetime import UTC, date, datetime
from typing import Any

from connectors.pipedrive.portal.company import Row
from connectors.pipedrive.portal.errors import forbidden, invalid, not_found
from connectors.pipedrive.portal.operations import Call, Operation, Operations, Result
from connectors.pipedrive.portal.schema import (
    Fields,
    amount,
    any_text,
    day,
    digits,
    mapping,
    number,
    one_of,
    string,
    truth,
)

TYPES = (
    "deals_won",
    "deals_progressed",
    "activities_completed",
    "activities_added",
    "deals_started",
)
INTERVALS = ("weekly", "monthly", "quarterly", "yearly")
KNOWN = {
    "title": string,
    "assignee": mapping,
    "type": mapping,
    "expected_outcome": mapping,
    "duration": mapping,
    "interval": one_of(*INTERVALS),
}
NEEDED = frozenset(["assignee", "type", "expected_outcome", "duration", "interval"])
FIND = Fields(
    {
        "type.name": one_of(*TYPES),
        "title": any_text,
        "is_active": truth,
        "assignee.id": digits,
        "assignee.type": one_of("person", "company", "team"),
        "period.start": day,
        "period.end": day,
    }
)
PERIOD = Fields({"period.start": day, "period.end": day}, frozenset(["period.start", "period.end"]))


def add(call: Call) -> Result:
    body = call.body
    _check(call, body)
    made = call.company.next_id("goal")
    row = call.company.goals.put(
        {
            "id": hashlib.sha256(str(made).encode()).hexdigest()[:24],
            "owner_id": call.user["id"],
            "title": body.get("title", ""),
            "report_ids": [f"r-{made}"],
            **body,
        }
    )
    return Result({"goal": _shown(call, row)})


def find(call: Call) -> Result:
    """Only active ones unless told otherwise, and only one's own unless another filter is set."""
    query = call.query
    active = query.get("is_active", True)
    others = query.keys() - {"is_active"}

    def fits(row: Row) -> bool:
        return (
            _is_active(call, row) is active
            and (bool(others) or row["owner_id"] == call.user["id"])
            and query.get("type.name", row["type"]["name"]) == row["type"]["name"]
            and query.get("title", row["title"]) in row["title"]
            and query.get("assignee.id", row["assignee"]["id"]) == row["assignee"]["id"]
        )

    rows = [_shown(call, row) for row in call.company.goals.shown() if fits(row)]
    return Result({"goals": rows})


def change(call: Call) -> Result:
    row = _found(call)
    _check(call, {**{name: row[name] for name in NEEDED}, **call.body})
    row.update(call.body)
    return Result({"goal": _shown(call, row)})


def delete(call: Call) -> Result:
    del call.company.goals.rows[_found(call)["id"]]
    return Result(None)


def results(call: Call) -> Result:
    row = _found(call)
    start, end = call.query["period.start"], call.query["period.end"]
    duration = row["duration"]
    if start < duration["start"] or (duration.get("end") and end > duration["end"]):
        raise invalid("period: It must be within the goal's duration")
    progress = sum(
        deal["status"] == "won" and start <= _day_of(deal["won_time"]) <= end
        for deal in call.company.deals.shown()
    )
    return Result({"goal": _shown(call, row), "progress": progress})


def _day_of(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _found(call: Call) -> Row:
    row = call.company.goals.rows.get(call.value)
    if row is None:
        raise not_found("Goal")
    return row


def _is_active(call: Call, row: Row) -> bool:
    end = row["duration"].get("end")
    return end is None or date.fromisoformat(end) >= call.company.clock.now().date()


def _shown(call: Call, row: Row) -> Row:
    return {**row, "is_active": _is_active(call, row)}


def _check(call: Call, body: dict[str, Any]) -> None:
    try:
        kind, assignee = body["type"]["name"], body["assignee"]
        outcome, duration = body["expected_outcome"], body["duration"]
        one_of(*TYPES)(kind)
        if kind == "deals_progressed" and not body["type"]["params"].get("stage_id"):
            raise invalid("type.params.stage_id: Required")
        amount(outcome["target"])
        one_of("quantity", "sum")(outcome["tracking_metric"])
        if outcome["tracking_metric"] == "sum":
            number(outcome["currency_id"])
        one_of("person", "team", "company")(assignee["type"])
        number(assignee["id"])
        day(duration["start"])
        if duration.get("end") is not None and day(duration["end"]) < duration["start"]:
            raise invalid("duration.end: It is before the start")
    except (KeyError, TypeError, ValueError) as error:
        raise invalid(f"goal: {error}") from error
    if assignee["type"] == "person" and call.company.user(assignee["id"]) is None:
        raise invalid("assignee.id: User not found")
    if assignee["type"] == "company" and not call.admin:
        raise forbidden("Only an admin user can set company goals")


BODY = Fields(KNOWN, NEEDED)

OPERATIONS: Operations = {
    ("GET", "goals/find"): Operation(20, "goals:read", find, FIND),
    ("POST", "goals"): Operation(10, "goals:full", add, body=BODY),
    ("PUT", "goals/{}"): Operation(10, "goals:full", change, body=Fields(KNOWN)),
    ("DELETE", "goals/{}"): Operation(6, "goals:full", delete),
    ("GET", "goals/{}/results"): Operation(20, "goals:read", results, PERIOD),
}
