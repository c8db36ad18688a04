"""Changes an action here: by hand, by settling a conflict, or because its owner has left."""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial

from sqlmodel import Session

from connectors.models import ActionStatus, Stream
from sync.merge import TaskField
from sync.reconcile_tasks import Now, reconcile_tasks
from sync.settling import CannotSettle, settle
from sync.store import agreements, audit, connections, people, undone
from sync.store.database import again_after_conflict
from sync.store.rules_due import ask_for_rules
from sync.tables.agreements import Conflict, Outcome
from sync.tables.people import Person
from sync.tables.retros import Action
from sync.task_values import Meaning
from workers import library
from workers.app import App
from workers.deciding import settle_decisions
from workers.errors import CannotRun, NotThere
from workers.hand import this_hand


@dataclass(frozen=True)
class Edit:
    """What is to change; None leaves it. A due date without a time is the close of that day."""

    title: str | None = None
    description: str | None = None
    owner: str | None = None
    due: date | datetime | None = None
    status: ActionStatus | None = None


def this_moment(app: App) -> Now:
    return Now(app.clock.now(), app.database.now())


def edit_action(app: App, key: str, edit: Edit) -> Action:
    """Change it here; what its task has to take over is put into the outbox.

    Raises NotThere, CannotRun when there is nobody such to own it, its task was deleted, or it
    would be open with a due date that is given and has passed.
    """
    with app.database.reading() as session:
        known = session.get(Action, key)
    if known is None:
        raise NotThere(f"There is no action {key!r}; retro decisions --json lists them.")
    meaning = meaning_of(app, known.connection_id)
    action = again_after_conflict(partial(_edit, app, known, edit, meaning))
    settle_decisions(app)
    return action


def _edit(app: App, known: Action, edit: Edit, meaning: Meaning) -> Action:
    key, now = known.key, this_moment(app)
    with app.database.writing() as session:
        agreements.tied_tasks(session, known.connection_id, key)
        # Not tied to a task yet it is to be locked as well.
        action = session.get_one(Action, key, with_for_update=True)
        _check_task(session, action)
        if edit.owner is not None:
            _check_owner(session, action, edit.owner)
        _check_due(app, action, edit, now.business)
        before = told_of_action(action)
        apply_edit(app, action, edit, now.business)
        session.add(action)
        session.flush()
        after = told_of_action(action)
        audit.note(session, this_hand(), "action", key, before=before, after=after)
        reconcile_tasks(session, action.connection_id, meaning, now, key)
        if after != before:
            ask_for_rules(session, action.connection_id, Stream.TASKS)
        return session.get_one(Action, key)


def apply_edit(app: App, action: Action, edit: Edit, at: datetime) -> None:
    """Notes when each field was changed, which tells the later of two changes."""
    changed = dict(action.edited or {})

    def note(name: TaskField) -> None:
        changed[name.value] = at.isoformat()

    if edit.title is not None and edit.title != action.title:
        action.title = edit.title
        note(TaskField.TITLE)
    if edit.description is not None and edit.description != action.description:
        action.description = edit.description
        note(TaskField.DESCRIPTION)
    if edit.owner is not None and edit.owner != action.owner:
        action.owner, action.owner_reason = edit.owner, "named by hand"
        note(TaskField.OWNER)
    due = _moment(app, edit.due)
    if due is not None and due != action.due_at:
        action.due_at = due
        note(TaskField.DUE)
    if edit.status is not None and edit.status != action.status:
        action.status = edit.status.value
        action.done_at = at if edit.status is ActionStatus.DONE else None
        note(TaskField.STATUS)
    action.edited = changed or None


def settle_conflict(app: App, conflict_id: int, outcome: Outcome) -> Conflict:
    """Raises NotThere, CannotRun when something has to be done first."""
    with app.database.reading() as session:
        row = agreements.conflict_with(session, conflict_id)
    if row is None:
        raise NotThere(f"There is no conflict {conflict_id}; retro conflicts lists them.")
    meaning = meaning_of(app, row.connection_id)
    try:
        settled = again_after_conflict(partial(_settle, app, row, outcome, meaning))
    except CannotSettle as error:
        raise CannotRun(str(error)) from error
    settle_decisions(app)
    return settled


def _settle(app: App, row: Conflict, outcome: Outcome, meaning: Meaning) -> Conflict:
    assert row.id is not None
    with app.database.writing() as session:
        settled = settle(session, row.id, outcome, meaning, this_moment(app))
        values = {"ours": row.ours, "theirs": row.theirs}
        after = {"outcome": outcome.value, "field": row.field}
        subject = f"{row.id}: {row.action_key}"
        audit.note(session, this_hand(), "settle", subject, before=values, after=after)
        return settled


def merge_now(app: App, connection_id: int, meaning: Meaning) -> None:
    """Bring actions and tasks together as they were last read."""

    def merge() -> None:
        with app.database.writing() as session:
            reconcile_tasks(session, connection_id, meaning, this_moment(app))

    again_after_conflict(merge)


def told_of_action(action: Action) -> dict[str, str]:
    """What people may change of it, for the audit."""
    return {
        "title": action.title,
        "description": action.description,
        "owner": action.owner,
        "due_at": action.due_at.isoformat(),
        "status": action.status,
    }


def meaning_of(app: App, connection_id: int) -> Meaning:
    """What the statuses of a connection's tasks mean here."""
    with app.database.reading() as session:
        row = connections.connection_with(session, connection_id)
    with closing(app.connector(row)) as connector:
        return dict(connector.config.task_statuses)


def _check_task(session: Session, action: Action) -> None:
    """Without its task an action takes no edits: they would go nowhere."""
    key, place = action.key, action.connection_id
    taken_back = undone.create_taken_back(session, place, key)
    if taken_back is not None:
        raise CannotRun(
            f"The task of {key} was taken back by retro undo, so this change would go nowhere; "
            f"make the task again first: retro outbox retry {taken_back}"
        )
    if action.status != ActionStatus.LOST:
        return
    if agreements.open_conflicts(session, place).get(key):
        raise CannotRun(f"The task of {key} was deleted; settle that first: retro conflicts")
    raise CannotRun(
        f"The task of {key} was deleted in the tool, and its action was left lost; "
        "nothing can be changed in it any more"
    )


def _check_owner(session: Session, action: Action, owner: str) -> None:
    person = session.get(Person, owner)
    if person is None or not person.active:
        raise NotThere(f"There is nobody {owner!r} who could own it; retro people lists them.")
    if owner not in people.accounts_of_people(session, action.connection_id):
        raise CannotRun(
            f"{owner} has no account in the tool of this task; match people first: "
            "retro people match"
        )


def _check_due(app: App, action: Action, edit: Edit, now: datetime) -> None:
    """Nobody can keep a date that has passed; work that was done may have had one."""
    due, today = edit.due, library.calendar(app.settings).day_of(now)
    if due is None or (edit.status or action.status) == ActionStatus.DONE:
        return
    if due < now if isinstance(due, datetime) else due < today:
        raise CannotRun(
            f"{due} has passed and {action.key} is not done: give a day from {today} on, or add "
            "--done when it is."
        )


def _moment(app: App, due: date | datetime | None) -> datetime | None:
    if due is None:
        return None
    if not isinstance(due, datetime):
        due = library.calendar(app.settings).closing(due)
    return due.astimezone(UTC)
