"""Carries out what a person decided about a conflict."""

from sqlmodel import Session

from connectors.models import ActionStatus
from sync.merge import TaskField
from sync.reconcile_tasks import Now, reconcile_tasks
from sync.store import agreements, by_hand, links, outbox
from sync.store.elsewhere import AGAIN
from sync.store.outbox import Intention
from sync.store.people import accounts_of_people
from sync.tables.agreements import WHOLE_TASK, Conflict, ConflictState, Outcome, Reason
from sync.tables.outbox import Operation
from sync.tables.retros import Action
from sync.task_values import COLUMNS, Meaning, made_anew

PERSON = "person"


class CannotSettle(ValueError):
    """The text says what to do first."""


def settle(
    session: Session, conflict_id: int, outcome: Outcome, meaning: Meaning, now: Now
) -> Conflict:
    """`ours` is written to the tool, `theirs` taken here. Of a deleted task `ours` makes it again,
    `theirs` leaves its action lost.

    Raises CannotSettle.
    """
    row = agreements.conflict_with(session, conflict_id)
    if row is not None:
        agreements.tied_tasks(session, row.connection_id, row.action_key)
        row = agreements.conflict_with(session, conflict_id)
    if row is None or row.state is not ConflictState.OPEN:
        raise CannotSettle(f"There is no open conflict {conflict_id}.")
    if row.field == WHOLE_TASK:
        if outcome is Outcome.OURS:
            _make_again(session, row, now)
        else:
            by_hand.drop_all_of(session, row.connection_id, row.action_key)
    else:
        _choose(session, row, outcome)
    agreements.close(row, outcome, PERSON, now.machine)
    session.add(row)
    session.flush()
    reconcile_tasks(session, row.connection_id, meaning, now, row.action_key)
    return row


def _choose(session: Session, row: Conflict, outcome: Outcome) -> None:
    """The side that is given up becomes the base, so that the other one is what changed."""
    if row.reason is Reason.UNKNOWN_ACCOUNT and outcome is Outcome.THEIRS:
        raise CannotSettle(
            f"The account {row.theirs} is nobody's here; match it first: retro people match"
        )
    link = links.task_link(session, row.connection_id, row.action_key)
    given_up = row.theirs if outcome is Outcome.OURS else row.ours
    if link is None or given_up is None:
        raise CannotSettle("Only one side of this is known; pull the tasks first: retro pull")
    link.base = {**link.base, COLUMNS[TaskField(row.field)]: given_up}
    link.revision += 1
    session.add(link)


def _make_again(session: Session, row: Conflict, now: Now) -> None:
    """Under another key: tools may remember the first one for a while, and answer with it."""
    action = session.get_one(Action, row.action_key)
    link = links.task_link(session, row.connection_id, row.action_key)
    if link is None:
        raise CannotSettle("The task was made again already.")
    # Of the task that is gone: the new one holds all of ours, and would wait behind its create.
    by_hand.drop_all_of(session, row.connection_id, row.action_key, but=Operation.COMMENT)
    action.status = row.base or ActionStatus.OPEN.value
    accounts = accounts_of_people(session, row.connection_id)
    anew = made_anew(link.base, action, accounts)
    session.add(action)
    session.delete(link)
    intention = Intention(
        key=f"task:{action.key}:{row.id}",
        connection_id=row.connection_id,
        operation=Operation.CREATE_TASK,
        subject=action.key,
        payload={**anew, "key": f"{action.key}{AGAIN}{row.id}"},
        because=[],
    )
    outbox.intend(session, [intention], now.business)
