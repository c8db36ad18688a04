"""What a merge has to write into a tool: one change of a task at a time, each with a key."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from sqlmodel import Session

from connectors.models import ActionStatus
from sync.merge import TaskField, Values
from sync.store import outbox
from sync.store.agreements import change_key, withdraw
from sync.store.outbox import Intention
from sync.tables.outbox import Link, Operation, Outbox, OutboxState
from sync.task_values import COLUMNS, in_columns

ENDED = (OutboxState.DONE, OutboxState.SUPERSEDED, OutboxState.UNDONE)


def intend_changes(
    session: Session,
    link: Link,
    values: Values,
    there: Values,
    unsent: Sequence[Outbox],
    at: datetime,
) -> None:
    """Put the write of `there` into the outbox in place of what waits there for this task.

    `values` are all fields of ours. A write is told from a later one of the same content by the
    record and the revision of the link: another task was made, or agreed on, between them.
    """
    if not there and not unsent:
        return
    wanted = [_unended(session, each) for each in _intentions(link, values, there)]
    keys = {each.key for each in wanted}
    withdraw(session, [row for row in unsent if row.key not in keys])
    outbox.intend(session, wanted, at)


def _unended(session: Session, intention: Intention) -> Intention:
    """A change that is wanted once more, after it went out as part of another one or was taken
    back, is a write of its own."""
    key, count = intention.key, 1
    while outbox.state_of(session, key) in ENDED:
        count += 1
        key = f"{intention.key}~{count}"
    return replace(intention, key=key)


def _intentions(link: Link, values: Values, there: Values) -> list[Intention]:
    fields = in_columns({name: v for name, v in there.items() if name is not TaskField.STATUS})
    found = []
    if fields:
        wanted = in_columns({n: v for n, v in values.items() if n is not TaskField.STATUS})
        # In an order of its own, so that the same change always is the same text.
        only = sorted(fields)
        payload = {**link.base, **wanted, "key": link.base.get("key", link.key), "only": only}
        payload.pop(COLUMNS[TaskField.STATUS], None)
        found.append(_intention(link, Operation.UPDATE_TASK, payload, fields))
    if TaskField.STATUS in there:
        done = there[TaskField.STATUS] == ActionStatus.DONE
        operation = Operation.COMPLETE_TASK if done else Operation.REOPEN_TASK
        found.append(_intention(link, operation, {}, {}))
    return found


def _intention(
    link: Link, operation: Operation, payload: dict[str, Any], fields: Mapping[str, str]
) -> Intention:
    content = msgspec.json.encode(fields, order="sorted")
    digest = hashlib.sha256(content).hexdigest()[:12]
    key = f"{change_key(operation, link.key)}{link.remote_id}.{link.revision}:{digest}"
    return Intention(key, link.connection_id, operation, link.key, payload, because=[])
