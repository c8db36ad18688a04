"""What people ask of the outbox as a whole."""

from collections.abc import Mapping

from sqlmodel import Session, col, select

from connectors.models import ActionStatus
from sync.store import outbox, runs
from sync.store.elsewhere import AGAIN
from sync.store.people import accounts_of_people
from sync.store.undone import made_by_another
from sync.tables.outbox import Operation, Outbox, OutboxState
from sync.tables.retros import Action
from sync.task_values import made_anew

# Between a key and how many times what it made was taken back and made again.
ANEW = f"{AGAIN}anew-"


def retry(session: Session, key: str) -> bool:
    """Send a refused or dead write again; False when there is none with this key. So is one that
    somebody let go, and one that was taken back is sent anew.

    It is looked up first: who settled it may have made the record, or kept one of several.
    """
    row = session.get(Outbox, key)
    if row is None or made_by_another(session, row) is not None:
        return False
    if row.state not in (*outbox.FAILED, OutboxState.DROPPED, OutboxState.UNDONE):
        return False
    if row.state is OutboxState.UNDONE:
        # Its call has ended, so nothing of it is still to come.
        row.remote_id = row.before = row.sent_at = row.doubted_at = None
        if row.operation in outbox.CREATES:
            row.payload = {**row.payload, "key": _another(row.payload["key"])}
        if row.operation is Operation.CREATE_TASK:
            _take_up(session, row)
    row.state = OutboxState.PLANNED if row.remote_id is None else OutboxState.STAMPING
    row.may_exist, row.attempts, row.waits = True, 0, 0
    row.error, row.not_before, row.done_at = None, None, None
    session.add(row)
    runs.wake_push(session, row.connection_id)
    return True


def _take_up(session: Session, create: Outbox) -> None:
    """The action whose task will be there again, with what was changed here while it was not; what
    was refused of the task before is let go."""
    drop_all_of(session, create.connection_id, create.subject, but=Operation.COMMENT)
    action = session.get(Action, create.subject, with_for_update=True)
    if action is None:
        return
    if action.status == ActionStatus.LOST:
        action.status = ActionStatus.OPEN.value
        session.add(action)
    accounts = accounts_of_people(session, create.connection_id)
    create.payload = made_anew(create.payload, action, accounts)


def _another(key: str) -> str:
    """Tools may remember a key for a while, and answer with what was deleted since."""
    stem, _, count = key.partition(ANEW)
    return f"{stem}{ANEW}{int(count or 0) + 1}"


def retry_all(session: Session) -> Mapping[str, OutboxState]:
    """Send every refused or dead write again; returns the state each had, by its key."""
    rows = session.exec(
        select(Outbox).where(col(Outbox.state).in_(outbox.FAILED)).order_by(col(Outbox.sequence))
    ).all()
    before = {row.key: row.state for row in rows}
    for key in before:
        retry(session, key)
    return before


def drop(session: Session, key: str) -> OutboxState | None:
    """Let a refused or dead write go: nobody is asked about it any more, and what waits behind it
    goes on. The state it had; None when there is none with this key."""
    row = session.get(Outbox, key)
    if row is None or row.state not in outbox.FAILED:
        return None
    before, row.state = row.state, OutboxState.DROPPED
    session.add(row)
    runs.wake_push(session, row.connection_id)
    return before


def drop_all_of(
    session: Session, connection_id: int, subject: str, *, but: Operation | None = None
) -> None:
    """What was refused of an object that is given up, or made again, and the stamp that it still
    waits for; `but` is kept."""
    rows = session.exec(
        select(Outbox)
        .where(
            Outbox.connection_id == connection_id,
            Outbox.subject == subject,
            col(Outbox.operation).is_distinct_from(but),
            col(Outbox.state).in_((*outbox.FAILED, OutboxState.STAMPING)),
        )
        # In the order in which a merge locks them.
        .order_by(col(Outbox.sequence))
        .with_for_update()
    ).all()
    for row in rows:
        row.state = OutboxState.DROPPED
        session.add(row)
    runs.wake_push(session, connection_id)


def hurry(session: Session, connection_id: int) -> None:
    """Somebody asks for a push: what was put off may go out now."""
    put_off = session.exec(
        select(Outbox)
        .where(Outbox.connection_id == connection_id, col(Outbox.not_before).is_not(None))
        # In the order in which a merge locks them.
        .order_by(col(Outbox.sequence))
        .with_for_update()
    ).all()
    for row in put_off:
        row.not_before = None
        session.add(row)
    runs.wake_push(session, connection_id)
