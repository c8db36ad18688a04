"""What the page shows: rows read once and turned into frozen values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from connectors.files.connector import Files
from connectors.registry import tools
from sync.store import past_runs, people, retros, schedules
from sync.store.freshness import connections_with_freshness
from sync.tables.connections import Connection, ConnectionState
from sync.tables.runs import RunStatus
from web.decisions import DecisionView, to_decision
from web.runs import RunView, to_run
from web.trouble import Trouble, to_trouble
from workers.agreements import conflict_reports
from workers.target_forms import TargetForms

MOST_RUNS = 50
LATEST_DECISIONS = 50


@dataclass(frozen=True)
class Moments:
    """`machine` is now for runs and freshness; `business` for due dates, None when unknown."""

    machine: datetime
    business: datetime | None
    zone: ZoneInfo


@dataclass(frozen=True)
class ConnectionView:
    """`fresh_at` is the end of the last complete pull."""

    name: str
    kind: str
    tool: str
    state: str
    account: str | None
    sandbox: bool
    fresh_at: datetime | None
    checked_at: datetime | None
    trouble: Trouble | None


@dataclass(frozen=True)
class ProblemView:
    """What a rule cannot act on, and why, in English."""

    about: str
    rule: str | None
    message: str
    since: datetime


@dataclass(frozen=True)
class LateView:
    """A schedule that did not run; `connection` is None for the one of the rules."""

    connection: str | None
    stream: str
    mode: str
    due_at: datetime


@dataclass(frozen=True)
class ConflictView:
    """What both sides changed, side by side; `task` names it, `asked` is who should settle it.
    A value is None where a side says nothing, and a moment where the field is a due date."""

    id: int
    task: str
    connection: str
    field: str
    reason: str
    base: str | datetime | None
    ours: str | datetime | None
    theirs: str | datetime | None
    theirs_at: datetime | None
    asked: str


@dataclass(frozen=True)
class Overview:
    """The newest first; of each stream its last run, so that one read every second hides no other.
    `earlier` counts the decisions that are left out."""

    connections: Sequence[ConnectionView]
    runs: Sequence[RunView]
    decisions: Sequence[DecisionView]
    earlier: int
    problems: Sequence[ProblemView]
    late_schedules: Sequence[LateView]
    conflicts: Sequence[ConflictView]

    @property
    def broken(self) -> int:
        return sum(each.state == ConnectionState.BROKEN for each in self.connections)

    @property
    def failed(self) -> int:
        return sum(each.status == RunStatus.FAILED for each in self.runs)

    @property
    def late(self) -> int:
        return sum(each.late for each in self.decisions)


def read_decision(
    session: Session, moments: Moments, forms: TargetForms, decision_id: str
) -> DecisionView | None:
    row = retros.decision(session, decision_id)
    if row is None:
        return None
    return to_decision(session, row, _names(session), moments.business, _today(moments), forms)


def read_overview(session: Session, moments: Moments, forms: TargetForms) -> Overview:
    rows = connections_with_freshness(session)
    names = {row.id: row.name for row, _ in rows}
    recent = past_runs.latest_by_stream(session, MOST_RUNS)
    decisions = list(reversed(retros.decisions(session)))
    persons, today = _names(session), _today(moments)
    return Overview(
        connections=[_connection(row, fresh_at) for row, fresh_at in rows],
        runs=[to_run(run, names[run.connection_id], moments.machine) for run in recent],
        decisions=[
            to_decision(session, row, persons, moments.business, today, forms)
            for row in decisions[:LATEST_DECISIONS]
        ],
        earlier=max(0, len(decisions) - LATEST_DECISIONS),
        problems=[
            ProblemView(row.about, row.rule, row.message, row.since)
            for row in retros.problems(session)
        ],
        late_schedules=_late(session, names, moments.business),
        conflicts=[_conflict(row, persons) for row in conflict_reports(session, only_open=True)],
    )


def _late(
    session: Session, names: Mapping[int | None, str], now: datetime | None
) -> Sequence[LateView]:
    """None where business time is not known."""
    if now is None:
        return ()
    return [
        LateView(names.get(row.connection_id), row.stream, row.mode.value, row.next_run_at)
        for row in schedules.overdue(session, now)
    ]


def _conflict(row: Mapping[str, Any], persons: Mapping[str, str]) -> ConflictView:
    def shown(side: str) -> str | datetime | None:
        value: str | None = row[side]
        if value is None or row["field"] not in ("owner", "due"):
            return value
        return persons.get(value, value) if row["field"] == "owner" else _moment(value)

    return ConflictView(
        id=row["id"],
        task=row["title"],
        connection=row["connection"],
        field=row["field"],
        reason=row["reason"],
        base=shown("base"),
        ours=shown("ours"),
        theirs=shown("theirs"),
        theirs_at=row["theirs_at"],
        asked=persons.get(row["asked"], row["asked"]),
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _names(session: Session) -> dict[str, str]:
    return {person.id: person.name for person in people.all_people(session)}


def _today(moments: Moments) -> date | None:
    return moments.business.astimezone(moments.zone).date() if moments.business else None


def _connection(row: Connection, fresh_at: datetime | None) -> ConnectionView:
    known = tools().get(row.kind)
    return ConnectionView(
        name=row.name,
        kind=row.kind,
        tool=known.label if known else row.kind,
        state=row.state.value,
        account=row.account,
        # To the clock a folder is one, not to whom it belongs.
        sandbox=row.sandbox and row.kind != Files.kind,
        fresh_at=fresh_at,
        checked_at=row.checked_at,
        trouble=to_trouble(row.error),
    )
