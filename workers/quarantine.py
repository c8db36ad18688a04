"""What waits for a person, settled with a line in the audit."""

from typing import Any

from sqlmodel import Session

from sync.store import audit, connections, cursors, deletes
from workers.app import App
from workers.clock import machine_now
from workers.errors import NotThere
from workers.hand import this_hand
from workers.rereading import replay

ACCEPT, DROP = "accept", "drop"


def settle_deletes(app: App, action: str, set_id: int) -> None:
    """Delete the records of a set here too, or keep them. Raises NotThere."""
    with app.database.writing() as session:
        before = _told_of_deletes(session, set_id)
        if action == ACCEPT:
            name, count = "deleted", deletes.accept(session, set_id, machine_now())
        else:
            name, count = "kept", deletes.keep(session, set_id)
        if count is None:
            # Somebody else was faster.
            raise _no_deletes(set_id)
        _note(session, action, f"d{set_id}", before, {name: count})


def settle_record(app: App, action: str, number: int) -> None:
    """Read a record again that was set aside, or forget it. Raises NotThere, and what `replay`
    raises."""
    if action == ACCEPT:
        with app.database.reading() as session:
            before = _told_of_record(session, number)
        replay(app, number)
        with app.database.writing() as session:
            again = cursors.set_aside_with(session, number)
            state = "taken" if again is None else "set aside"
            _note(session, action, str(number), before, {"state": state})
        return
    with app.database.writing() as session:
        before = _told_of_record(session, number)
        if not cursors.drop_set_aside(session, number):
            raise _no_record(number)
        _note(session, action, str(number), before, {"state": "forgotten"})


def _told_of_deletes(session: Session, set_id: int) -> dict[str, Any]:
    for each in deletes.held_sets(session):
        if each.id == set_id:
            connection = connections.connection_with(session, each.connection_id)
            return {
                "connection": connection.name,
                "stream": each.stream,
                "waiting": len(each.records),
            }
    raise _no_deletes(set_id)


def _no_deletes(set_id: int) -> NotThere:
    return NotThere(f"No deletes wait under d{set_id}.")


def _no_record(number: int) -> NotThere:
    return NotThere(f"No record was set aside under {number}.")


def _told_of_record(session: Session, number: int) -> dict[str, Any]:
    """Without the reason: it may quote the record, and the audit is never rewritten."""
    row = cursors.set_aside_with(session, number)
    if row is None:
        raise _no_record(number)
    return {
        "connection": connections.connection_with(session, row.connection_id).name,
        "stream": row.stream,
        "record": None if row.record_id == row.reason else row.record_id,
        "state": "set aside",
    }


def _note(
    session: Session, action: str, which: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    hand = this_hand()
    audit.note(session, hand, f"quarantine {action}", which, before=before, after=after)
