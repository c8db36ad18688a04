"""Whose change of a field stands, and the conflicts as people read them."""

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from sync.merge import Contract, TaskField
from sync.store import agreements, audit, connections, people
from sync.tables.agreements import Conflict, Reason
from sync.tables.retros import Action
from workers.actions import meaning_of, merge_now
from workers.app import App
from workers.hand import this_hand

QUESTIONS: Mapping[Reason, str] = {
    Reason.CLASH: "Both sides changed it. ours is written to the tool, theirs is taken here.",
    Reason.UNKNOWN_ACCOUNT: "Nobody here has the account that owns the task now. Match it with "
    "retro people match, or settle it as ours: the task goes back to its owner.",
    Reason.FLIPS: "It changed more than five times within an hour and is held on both sides. "
    "Look for another program that writes it, then settle it.",
    Reason.DELETED: "The task was deleted in the tool. theirs leaves the action lost, ours makes "
    "the task again.",
}


def set_contracts(app: App, name: str, wanted: Mapping[TaskField, Contract]) -> None:
    """What waits under the contracts of before is looked at again. Raises UnknownConnection."""
    with app.database.writing() as session:
        row = connections.connection_named(session, name)
        assert row.id is not None
        before = agreements.contracts(session, row.id)
        for field, contract in wanted.items():
            agreements.set_contract(session, row.id, field, contract)
        audit.note(
            session,
            this_hand(),
            "contracts",
            name,
            before={field.value: before[field].value for field in wanted},
            after={field.value: contract.value for field, contract in wanted.items()},
        )
    merge_now(app, row.id, meaning_of(app, row.id))


def conflict_reports(session: Session, *, only_open: bool) -> list[dict[str, Any]]:
    """Elements of `retro conflicts --json`. Owners are people where they are known here."""
    found = agreements.all_conflicts(session, only_open=only_open)
    if not found:
        return []
    names = {row.id: row.name for row in connections.all_connections(session)}
    persons = {
        id_: {account: person for person, account in accounts.items()}
        for id_ in names
        if id_ is not None
        for accounts in [people.accounts_of_people(session, id_)]
    }
    return [
        _report(session, row, names[row.connection_id], persons[row.connection_id]) for row in found
    ]


def _report(
    session: Session, row: Conflict, connection: str, persons: Mapping[str, str]
) -> dict[str, Any]:
    action = session.get_one(Action, row.action_key)

    def shown(value: str | None) -> str | None:
        if row.field != TaskField.OWNER or value is None:
            return value
        return persons.get(value, f"account {value}")

    return {
        "id": row.id,
        "connection": connection,
        "action": row.action_key,
        "title": action.title,
        "decision": action.decision_id,
        "field": row.field,
        "reason": row.reason.value,
        "base": shown(row.base),
        "ours": shown(row.ours),
        "theirs": shown(row.theirs),
        "ours_at": row.ours_at,
        "theirs_at": row.theirs_at,
        "detected_at": row.detected_at,
        "asked": action.owner,
        "question": QUESTIONS[row.reason],
        "state": row.state.value,
        "outcome": row.outcome,
        "settled_by": row.settled_by,
        "settled_at": row.settled_at,
    }
