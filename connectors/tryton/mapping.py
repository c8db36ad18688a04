"""Tryton's words translated to canonical records. Pure.

A sale opportunity is one record from lead to sale. Here it is a lead all its life, and a deal from
the moment it left the state Lead for a later one: the log of its transitions tells that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.models import (
    Account,
    Contact,
    Deal,
    Lead,
    LeadStatus,
    RemoteTask,
    Stage,
    StageChange,
    StageKind,
    TaskStatus,
)
from connectors.tryton.rows import EmployeeRow, LogRow, OpportunityRow, PartyRow, WorkRow

MARK = "[retro-roi:"
LEADS, DEALS = "leads", "deals"
LEAD = "lead"
WORKED = ("opportunity", "converted", "won")
# A state that a module adds is open.
KINDS = {"won": StageKind.WON, "lost": StageKind.LOST, "cancelled": StageKind.LOST}
TRANSITION = "state:"
# Buttons that end an opportunity, and the states in which they do.
CLICKS = {"lost": "lost", "cancel": "cancelled"}
CLICKED_IN = (LEAD, "opportunity")
DAY = timedelta(days=1) - timedelta(microseconds=1)


@dataclass(frozen=True)
class Move:
    """`id` is that of the log, empty where the log does not know of the move."""

    id: int | str
    state: str
    at: datetime


Moves = Sequence[Move]


def moves_by_opportunity(rows: Sequence[LogRow]) -> Mapping[int, list[Move]]:
    """In order of time, as the rows are. Each opportunity begins as a lead.

    A click that ends one is logged as a click alone, and also where it had no effect.
    """
    found: dict[int, list[Move]] = {}
    for row in rows:
        moves = found.setdefault(int(row.resource.rpartition(",")[2]), [])
        before = moves[-1].state if moves else LEAD
        state = None
        if row.event == "transition":
            state = row.target.removeprefix(TRANSITION)
        elif before in CLICKED_IN:
            state = CLICKS.get(row.target)
        if state and state != before:
            moves.append(Move(row.id, state, row.create_date.utc()))
    return found


def to_lead(row: OpportunityRow, moves: Moves) -> Iterator[Lead]:
    status = _lead_status(row, moves)
    yield Lead(
        id=str(row.id),
        updated_at=row.updated_at,
        title=_title(row),
        stage=row.state,
        status_kind=status,
        amount=row.amount.decimal if row.amount else None,
        currency=row.currency.code if row.currency else None,
        owner=_link(row.employee),
        contacts=_contacts(row),
        created_at=row.create_date.utc(),
        closed_at=_lead_closed(row, moves, status),
    )


def to_deal(row: OpportunityRow, moves: Moves) -> Iterator[Deal]:
    if not _is_deal(row, moves):
        return
    kind = KINDS.get(row.state, StageKind.OPEN)
    yield Deal(
        id=str(row.id),
        updated_at=row.updated_at,
        title=_title(row),
        pipeline=DEALS,
        stage=row.state,
        stage_kind=kind,
        amount=row.amount.decimal if row.amount else None,
        currency=row.currency.code if row.currency else None,
        owner=_link(row.employee),
        contacts=_contacts(row),
        lead=str(row.id),
        created_at=row.create_date.utc(),
        closed_at=None if kind is StageKind.OPEN else _ended(row, moves),
    )


def to_stage_changes(row: OpportunityRow, moves: Moves) -> Iterator[StageChange]:
    """As a lead until it becomes a deal, and as a deal from then on."""
    created = Move("", LEAD, row.create_date.utc())
    yield _change(row.id, LEADS, created, StageKind.OPEN, StageKind.OPEN)
    is_deal, before = False, StageKind.OPEN
    for move in _whole(row, moves):
        becomes_deal = not is_deal and move.state in WORKED
        kind = KINDS.get(move.state, StageKind.OPEN)
        if not is_deal:
            as_lead = StageKind.WON if becomes_deal else kind
            yield _change(row.id, LEADS, move, as_lead, before)
        is_deal = is_deal or becomes_deal
        if is_deal:
            since = StageKind.OPEN if becomes_deal else before
            yield _change(row.id, DEALS, move, kind, since)
        before = kind


def to_contact(row: PartyRow, _moves: Moves) -> Iterator[Contact]:
    yield Contact(
        id=str(row.id),
        updated_at=row.updated_at,
        name=row.rec_name,
        created_at=row.create_date.utc(),
    )


def to_account(row: EmployeeRow, email: str | None, now: datetime | None) -> Account:
    """`email` is that of a user who acts as the employee."""
    left = row.end_date is not None and now is not None and row.end_date.utc() < now
    return Account(
        id=str(row.id),
        name=row.party.rec_name,
        email=row.party.email or email or None,
        active=not left,
    )


def to_task(row: WorkRow, _moves: Moves = ()) -> Iterator[RemoteTask]:
    text, key = parted(row.comment)
    first = min(row.allocations, key=lambda one: one.id, default=None)
    yield RemoteTask(
        id=str(row.id),
        updated_at=row.updated_at,
        title=row.name,
        description=text or None,
        status=_task_status(row),
        owner=_link(first.employee) if first else None,
        due_at=row.constraint_finish_time.utc() if row.constraint_finish_time else None,
        closed_at=row.actual_finish_time.utc() if is_done(row) and row.actual_finish_time else None,
        created_at=row.create_date.utc(),
        key=key,
    )


def is_done(row: WorkRow) -> bool:
    return row.status.progress == 1.0


def stages(names: Mapping[str, str]) -> list[Stage]:
    """`names` are those of the states, in Tryton's order. A lead ends where it becomes a deal."""
    found = []
    for sort, (state, name) in enumerate(names.items()):
        kind = KINDS.get(state, StageKind.OPEN)
        as_lead = StageKind.WON if state in WORKED else kind
        for pipeline, called, of_stage in (
            (LEADS, "Leads", as_lead),
            (DEALS, "Opportunities", kind),
        ):
            found.append(
                Stage(
                    id=f"{pipeline}/{state}",
                    pipeline=pipeline,
                    pipeline_name=called,
                    stage=state,
                    name=name,
                    kind=of_stage,
                    sort=sort,
                )
            )
    return found


def parted(comment: str | None, mark: str = MARK) -> tuple[str, str | None]:
    """What people wrote, and our key, which stands in a line of its own."""
    lines = (comment or "").splitlines()
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number].strip()
        if line.startswith(mark) and line.endswith("]"):
            text = "\n".join(lines[:number] + lines[number + 1 :]).strip()
            return text, line[len(mark) : -1]
    return (comment or "").strip(), None


def marked(text: str, key: str, mark: str = MARK) -> str:
    return f"{text}\n\n{mark}{key}]"


def _is_deal(row: OpportunityRow, moves: Moves) -> bool:
    passed = any(move.state in WORKED for move in moves)
    return passed or row.state in WORKED or row.converted_by is not None


def _lead_status(row: OpportunityRow, moves: Moves) -> LeadStatus:
    if row.state == LEAD:
        return LeadStatus.OPEN
    return LeadStatus.CONVERTED if _is_deal(row, moves) else LeadStatus.DISQUALIFIED


def _lead_closed(row: OpportunityRow, moves: Moves, status: LeadStatus) -> datetime | None:
    """A lead that came back is converted anew: the last time counts."""
    if status is LeadStatus.OPEN:
        return None
    if status is LeadStatus.DISQUALIFIED:
        return _ended(row, moves)
    since = max((n for n, move in enumerate(moves) if move.state == LEAD), default=-1)
    worked = (move.at for move in moves[since + 1 :] if move.state in WORKED)
    return next(worked, None)


def _ended(row: OpportunityRow, moves: Moves) -> datetime | None:
    """What a sale ends is in no log: there it is the last write, kept within the day that Tryton
    tells."""
    if moves and moves[-1].state == row.state:
        return moves[-1].at
    if row.end_date is None:
        return None
    day = row.end_date.utc()
    return max(row.create_date.utc(), day, min(row.updated_at, day + DAY))


def _whole(row: OpportunityRow, moves: Moves) -> Iterator[Move]:
    """With the end that the log does not tell."""
    yield from moves
    last = moves[-1].state if moves else LEAD
    ended = _ended(row, moves) if row.state in KINDS and row.state != last else None
    if ended is not None:
        yield Move("", row.state, ended)


def _change(
    opportunity: int, entity: str, move: Move, kind: StageKind, before: StageKind
) -> StageChange:
    return StageChange(
        id=f"{entity}:{opportunity}:{move.id or move.state}",
        updated_at=move.at,
        entity=entity,
        entity_id=str(opportunity),
        pipeline=entity,
        stage=move.state,
        stage_kind=kind,
        closing=kind is not StageKind.OPEN and before is StageKind.OPEN,
        at=move.at,
    )


def _task_status(row: WorkRow) -> TaskStatus:
    if is_done(row):
        return TaskStatus.DONE
    begun = bool(row.progress) or not row.status.default
    return TaskStatus.IN_PROGRESS if begun else TaskStatus.OPEN


def _title(row: OpportunityRow) -> str:
    return row.description or row.number or str(row.id)


def _contacts(row: OpportunityRow) -> list[str]:
    return [str(row.party)] if row.party else []


def _link(remote_id: int | None) -> str | None:
    return str(remote_id) if remote_id else None
