"""Ties between our objects and the tools' records, and what our writes left to remember of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from sync.merge import TaskField, differ
from sync.tables.mirror import RemoteTaskRow
from sync.tables.outbox import Link, LinkKind, Operation
from sync.task_values import COLUMNS, base_of, in_columns

TARGETS = (Operation.CREATE_TARGET, Operation.UPDATE_TARGET)


def kind_of(operation: Operation) -> LinkKind:
    """What a write of this kind is to."""
    return LinkKind.TARGET if operation in TARGETS else LinkKind.TASK


def link(
    session: Session,
    connection_id: int,
    kind: LinkKind,
    key: str,
    remote_id: str,
    base: dict[str, Any],
    at: datetime,
) -> None:
    """Tie our object to its remote record; doing it again only refreshes the base."""
    found = session.get(Link, (connection_id, kind, key))
    row = found or Link(connection_id=connection_id, kind=kind, key=key, remote_id=remote_id)
    if found is not None and found.remote_id != remote_id:
        # Another record: what was remembered is not of it.
        row.remote_id, row.overwritten, row.attempted = remote_id, None, None
    row.base, row.linked_at = base, at
    session.add(row)


def linked_id(session: Session, connection_id: int, kind: LinkKind, key: str) -> str | None:
    found = session.get(Link, (connection_id, kind, key))
    return found.remote_id if found else None


def base(session: Session, connection_id: int, kind: LinkKind, key: str) -> dict[str, Any]:
    """What both sides last agreed on, empty where there is no link."""
    found = session.get(Link, (connection_id, kind, key))
    return found.base if found else {}


def links(session: Session, connection_id: int, kind: LinkKind) -> Sequence[Link]:
    return session.exec(
        select(Link).where(Link.connection_id == connection_id, Link.kind == kind)
    ).all()


def unlink(session: Session, connection_id: int, kind: LinkKind, key: str, remote_id: str) -> bool:
    """Untie our object from that record, not from one that was made in its place since; whether it
    was tied to it."""
    found = session.get(Link, (connection_id, kind, key))
    is_tied = found is not None and found.remote_id == remote_id
    if is_tied:
        session.delete(found)
    return is_tied


def task_link(session: Session, connection_id: int, key: str) -> Link | None:
    return session.get(Link, (connection_id, LinkKind.TASK, key), with_for_update=True)


def note_attempt(
    session: Session, connection_id: int, key: str, written: Mapping[str, str], at: datetime
) -> None:
    """To be committed before the call that writes it: until its outcome is known, what the tool
    shows of it is no change of somebody's. `at` is the database's moment."""
    row = task_link(session, connection_id, key)
    if row is None:
        return
    known = row.attempted or {}
    noted = {}
    for column, value in written.items():
        # Tried again and again in an outage, it is kept once.
        others = [each for each in known.get(column, []) if each["value"] != value]
        noted[column] = [*others, {"value": value, "at": at.isoformat()}]
    row.attempted = {**known, **noted}
    session.add(row)


def is_attempt(row: Link, name: TaskField, value: str | None) -> bool:
    """Whether we tried to write this, and do not know whether we did."""
    tried = (row.attempted or {}).get(COLUMNS[name], ())
    return value is not None and any(not differ(name, each["value"], value) for each in tried)


def forget_attempts(row: Link, seen: Mapping[TaskField, str], settled: datetime | None) -> None:
    """`seen` is what the tool shows: it ends what was tried before it in each field. What was tried
    before `settled` and does not show did not take effect."""
    kept = {}
    for column, tried in (row.attempted or {}).items():
        name = _FIELDS[column]
        shown = [n for n, each in enumerate(tried) if _shows(seen, name, each["value"])]
        rest = tried[shown[-1] + 1 :] if shown else tried
        if settled is not None:
            rest = [each for each in rest if datetime.fromisoformat(each["at"]) >= settled]
        if rest:
            kept[column] = rest
    if kept != (row.attempted or {}):
        row.attempted = kept or None


def _shows(seen: Mapping[TaskField, str], name: TaskField, value: str) -> bool:
    return name in seen and not differ(name, seen[name], value)


_FIELDS = {column: name for name, column in COLUMNS.items()}


def note_written(
    session: Session,
    connection_id: int,
    key: str,
    written: Mapping[str, str],
    over: datetime | None,
) -> None:
    """Both sides agree on what was written. `over` is the tool's moment of the task as it was then,
    None when it was not read: then what the mirror holds is taken for it."""
    row = task_link(session, connection_id, key)
    if row is None:
        return
    if over is None:
        seen = session.get(RemoteTaskRow, (connection_id, row.remote_id))
        over = seen.updated_at if seen else None
    if over is not None:
        row.overwritten = {**(row.overwritten or {}), **_went_over(row, written, over)}
    left = {name: tried for name, tried in (row.attempted or {}).items() if name not in written}
    row.attempted = left or None
    row.base = {**row.base, **written}
    row.revision += 1
    session.add(row)


def _went_over(row: Link, columns: Iterable[str], at: datetime) -> dict[str, Any]:
    """Several writes within one moment of the tool go over several values."""
    known, base = row.overwritten or {}, in_columns(base_of(row))
    found = {}
    for column in columns:
        before = known.get(column, {"at": None, "values": []})
        values = before["values"] if before["at"] == at.isoformat() else []
        found[column] = {"at": at.isoformat(), "values": [*values, base.get(column)]}
    return found
