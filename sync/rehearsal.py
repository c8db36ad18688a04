"""A dry run: the push itself, on a database that is thrown away and a tool that is only asked.

Nothing is worked out a second time, so what it promises is what the push then does (G13).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlmodel import Session

from connectors.capabilities import ForetellsTargets
from connectors.models import KpiTarget, TargetForm
from connectors.port import Connector
from connectors.rehearsal import Call, Rehearsal
from sync import images, target_days
from sync.push import Push, run_push
from sync.store import links, outbox, runs
from sync.store.coalescing import PENDING
from sync.store.database import Database
from sync.store.outbox import Intention
from sync.store.runs import Worker
from sync.store.scratch import scratch_of, unknown
from sync.tables.outbox import Operation, Outbox, OutboxState
from sync.tables.runs import PUSH, Mode, RunStatus, Trigger

NOBODY = Worker("dry run", 0)
WHOLE = timedelta(days=1)
NOT_SENT = "not_sent"
# What of a target a check writes.
RESULTS = ("actual", "outcome")


@dataclass(frozen=True)
class Change:
    """One field of a record, before and after the write."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Promise:
    """What becomes of one write."""

    key: str
    operation: str
    subject: str
    state: str
    remote_id: str | None
    superseded_by: str | None
    changes: Sequence[Change]
    error: Mapping[str, Any] | None
    # What a new KPI target is in the tool.
    becomes: TargetForm | None = None


@dataclass(frozen=True)
class DryRun:
    """`status` and `error` are those the push would end with. `made` tells what the ids stand for
    that the tool has not given yet."""

    status: RunStatus
    error: Mapping[str, Any] | None
    promises: Sequence[Promise]
    calls: Sequence[Call]
    made: Mapping[int, str]


def rehearse(
    source: Database,
    connector: Connector[Any],
    wire: Rehearsal,
    connection_id: int,
    intentions: Sequence[Intention],
    now: Callable[[], datetime],
) -> DryRun:
    """What a push of the outbox and of `intentions` does. `connector` speaks over `wire`."""
    with source.reading() as session:
        planned = unknown(session, intentions)
    with scratch_of(source, connection_id, planned) as scratch:
        return _rehearsed(scratch, connector, wire, connection_id, planned, now)


def _rehearsed(
    scratch: Database,
    connector: Connector[Any],
    wire: Rehearsal,
    connection_id: int,
    intentions: Sequence[Intention],
    now: Callable[[], datetime],
) -> DryRun:
    with scratch.writing() as session:
        outbox.intend(session, intentions, now())
        known = outbox.outbox_rows(session)
        waiting = [row for row in known if row.state in PENDING]
        bases = {row.key: _base(session, row) for row in waiting}
        run = runs.queue_run(
            session, connection_id, PUSH, mode=Mode.PUSH, trigger=Trigger.MANUAL, at=now()
        )
        assert run.id is not None
        lease = runs.take_run(session, run.id, NOBODY, now())
        assert lease is not None
    run_push(Push(scratch, connector, connection_id, lease, now, slice=WHOLE))
    with scratch.reading() as session:
        ended = runs.get_run(session, lease.run_id)
        after = {row.key: row for row in outbox.outbox_rows(session)}
        # What a write that was overtaken leaves to do is planned by the push itself.
        new = [after[key] for key in after.keys() - {row.key for row in known}]
        bases |= {row.key: _base(session, row) for row in new}
    promises = [
        _promise(after[row.key], bases[row.key], connector) if row.key in after else _not_sent(row)
        for row in waiting
    ]
    promises += [_promise(row, bases[row.key], connector) for row in new]
    return DryRun(ended.status, ended.error, promises, wire.calls, wire.stand_in.made)


def _base(session: Session, row: Outbox) -> Mapping[str, Any]:
    return links.base(session, row.connection_id, links.kind_of(row.operation), row.subject)


def _not_sent(row: Outbox) -> Promise:
    """Somebody changed the same field in the tool: the push shows both sides instead."""
    return Promise(
        key=row.key,
        operation=row.operation.value,
        subject=row.subject,
        state=NOT_SENT,
        remote_id=row.remote_id,
        superseded_by=None,
        changes=(),
        error={"message": "It was changed in the tool as well, and is asked about instead."},
    )


def _promise(row: Outbox, base: Mapping[str, Any], connector: Connector[Any]) -> Promise:
    return Promise(
        key=row.key,
        operation=row.operation.value,
        subject=row.subject,
        state=row.state.value,
        remote_id=row.remote_id,
        superseded_by=row.superseded_by,
        changes=() if row.state is OutboxState.SUPERSEDED else _changes(row, base),
        error=row.error,
        becomes=_becomes(row, connector),
    )


def _becomes(row: Outbox, connector: Connector[Any]) -> TargetForm | None:
    if row.operation is not Operation.CREATE_TARGET or not isinstance(connector, ForetellsTargets):
        return None
    return connector.target_as(msgspec.convert(row.payload, KpiTarget, strict=False))


def _changes(row: Outbox, base: Mapping[str, Any]) -> list[Change]:
    before, after = _sides(row, base)
    return [
        Change(name, before.get(name), after.get(name))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]


def _sides(row: Outbox, base: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    payload = row.payload
    match row.operation:
        case Operation.UPDATE_TASK:
            before, after = row.before or base, images.written(payload)
            names = images.changed(after, before)
            return {name: before.get(name) for name in names}, {name: after[name] for name in names}
        case Operation.CREATE_TASK if row.before is not None:
            # It is there, and stays as it is.
            return {}, {}
        case Operation.UPDATE_TARGET if target_days.is_move(payload):
            return target_days.sides(row)
        case Operation.UPDATE_TARGET:
            return base, {**base, **{name: payload.get(name) for name in RESULTS}}
        case Operation.COMPLETE_TASK:
            return {"status": (row.before or {}).get("status")}, {"status": "done"}
        case Operation.DELETE_TASK:
            return payload["expected"], {}
        case Operation.RESTORE_TASK:
            return payload["expected"], payload["before"]
    # The words of a target tell its figures once more.
    told = {name: value for name, value in payload.items() if name != "words"}
    return {}, {name: value for name, value in told.items() if value not in (None, [])}
