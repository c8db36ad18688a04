"""Brings actions and their tasks in a tool together: takes what changed there, intends what changed
here, and shows what neither may overwrite (G6, G7).

Our own write coming back says what both sides agreed on, so it changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from connectors.models import ActionStatus, Stream
from sync.merge import Clash, Contract, Merged, Side, TaskField, differ, merge
from sync.store import agreements
from sync.store.agreements import Tied, close
from sync.store.links import forget_attempts, is_attempt
from sync.store.people import accounts_of_people
from sync.store.rules_due import ask_for_rules
from sync.tables.agreements import (
    WHOLE_TASK,
    Conflict,
    Outcome,
    Reason,
)
from sync.tables.mirror import RemoteTaskRow
from sync.tables.outbox import Link, Outbox
from sync.tables.retros import Action
from sync.task_values import (
    COLUMNS,
    Meaning,
    base_of,
    in_columns,
    ours_of,
    set_field,
    theirs_of,
)
from sync.task_writes import intend_changes

FLIPS_WITHIN = timedelta(hours=1)
MOST_FLIPS = 5
OWNER_REASON = "changed in the tool"


@dataclass(frozen=True)
class Now:
    """`business` for what people see and write, `machine` for what is counted by the hour."""

    business: datetime
    machine: datetime


@dataclass(frozen=True)
class Taken:
    """A field of an action that became what its task says. `at` is the tool's moment."""

    action: str
    field: TaskField
    old: str
    new: str
    at: datetime


def reconcile_tasks(
    session: Session,
    connection_id: int,
    meaning: Meaning,
    now: Now,
    key: str | None = None,
    *,
    settled: datetime | None = None,
) -> list[Taken]:
    """Every linked task of the connection, or that of one action. Nothing new changes nothing.

    `settled` tells, after a read, before which of the database's moments a write of ours must have
    been made to be sure to show in it.
    """
    accounts = accounts_of_people(session, connection_id)
    reconciler = Reconciler(
        session,
        meaning,
        accounts,
        {account: person for person, account in accounts.items()},
        agreements.contracts(session, connection_id),
        now,
        settled,
    )
    # Locks them: what is read before may be another merge's to change.
    all_tied = agreements.tied_tasks(session, connection_id, key)
    conflicts = agreements.open_conflicts(session, connection_id)
    unsent = agreements.unsent_changes(session, connection_id)
    unstamped = agreements.unstamped(session, connection_id)
    taken = []
    for tied in all_tied:
        name = tied[0].key
        if is_gone(tied) and (create := unstamped.get(tied[1].remote_id)) is not None:
            agreements.let_stamp_go(session, create)
        taken += reconciler.one(tied, conflicts.get(name, {}), unsent.get(name, []))
    if taken:
        ask_for_rules(session, connection_id, Stream.TASKS)
    return taken


def is_gone(tied: Tied) -> bool:
    """Whether its task was seen to be deleted in the tool."""
    _, _, task = tied
    return task is not None and task.deleted_at is not None


@dataclass(frozen=True)
class Reconciler:
    session: Session
    meaning: Meaning
    accounts: Mapping[str, str]
    people: Mapping[str, str]
    contracts: Mapping[TaskField, Contract]
    now: Now
    settled: datetime | None

    def one(
        self, tied: Tied, conflicts: Mapping[str, Conflict], unsent: Sequence[Outbox]
    ) -> list[Taken]:
        action, link, task = tied
        if task is not None and is_gone(tied):
            return self._lost(action, link, task, conflicts, unsent)
        if action.status == ActionStatus.LOST and task is None:
            return []
        back = self._found_again(action, task, conflicts)
        base = base_of(link)
        ours = ours_of(action, self.accounts)
        theirs = self._theirs(link, task, base)
        explained = {n: v for n, v in theirs.values.items() if is_attempt(link, n, v)}
        forget_attempts(link, theirs.values, self.settled)
        if not (unsent or conflicts or back) and ours.values == theirs.values == base:
            return []
        # What a write of ours that may have gone out explains of what they have.
        base |= explained
        held = self._held(tied, ours, theirs, base, conflicts)
        done = merge(ours, theirs, base, self.contracts, held)
        self._agree(link, done)
        self._note_clashes(tied, done, theirs, conflicts, held)
        taken = [self._take(tied, name, value, theirs) for name, value in done.here.items()]
        there = dict(done.there)
        if TaskField.STATUS in there and there[TaskField.STATUS] != ActionStatus.DONE:
            # A tool is asked to reopen a task, not to begin it.
            action.status = there[TaskField.STATUS] = ActionStatus.OPEN.value
        self.session.add(action)
        values = {**base, **ours_of(action, self.accounts).values}
        intend_changes(self.session, link, values, there, unsent, self.now.business)
        return back + taken

    def _theirs(
        self, link: Link, task: RemoteTaskRow | None, base: Mapping[TaskField, str]
    ) -> Side:
        """What was read before our last write of a field tells nothing of it."""
        if task is None:
            return Side({})
        values = theirs_of(task, self.meaning)
        values = {
            name: value
            for name, value in values.items()
            if not _is_older(link, name, value, task.updated_at)
        }
        if values == base:
            return Side(values)
        seen = agreements.last_changes(self.session, link.connection_id, link.remote_id)
        moments = {
            name: at
            for name in values
            if (at := seen.get(COLUMNS[name]) or task.updated_at) is not None
        }
        if task.closed_at is not None:
            moments[TaskField.STATUS] = task.closed_at
        return Side(values, moments)

    def _held(
        self,
        tied: Tied,
        ours: Side,
        theirs: Side,
        base: Mapping[TaskField, str],
        conflicts: Mapping[str, Conflict],
    ) -> set[TaskField]:
        """Fields that wait for a person, or of which nothing is known that settles a conflict."""
        action, link, _ = tied
        held = set()
        for name in TaskField:
            known, their = conflicts.get(name), theirs.values.get(name)
            if known is not None and (known.reason is Reason.FLIPS or their is None):
                if their is not None:
                    self._ask(tied, name, Reason.FLIPS, theirs, known)
                held.add(name)
                continue
            our, was = ours.values.get(name), base.get(name)
            moved = [v for v in (our, their) if v is not None and (not was or differ(name, v, was))]
            if not moved or (
                our is not None and their is not None and not differ(name, our, their)
            ):
                continue
            if name is TaskField.OWNER and their in moved and their not in self.people:
                self._ask(tied, name, Reason.UNKNOWN_ACCOUNT, theirs, known)
                held.add(name)
            elif self._flips(action, link, name):
                self._ask(tied, name, Reason.FLIPS, theirs, known)
                held.add(name)
        return held

    def _flips(self, action: Action, link: Link, name: TaskField) -> bool:
        since = self.now.machine - FLIPS_WITHIN
        settled = agreements.last_settled(self.session, action.key, name)
        since = max(since, settled) if settled else since
        count = agreements.count_changes_of(
            self.session, link.connection_id, link.remote_id, COLUMNS[name], since
        )
        return count > MOST_FLIPS

    def _agree(self, link: Link, done: Merged) -> None:
        agreed = {**link.base, **in_columns(done.base)}
        if agreed != link.base:
            link.base = agreed
            link.revision += 1
            self.session.add(link)

    def _take(self, tied: Tied, name: TaskField, value: str, theirs: Side) -> Taken:
        action, _, _ = tied
        at = theirs.moments.get(name, self.now.business)
        old = ours_of(action, self.accounts).values.get(name, "")
        set_field(action, name, value, at, self.people)
        if name is TaskField.OWNER:
            action.owner_reason = OWNER_REASON
        return Taken(action.key, name, old, value, at)

    def _note_clashes(
        self,
        tied: Tied,
        done: Merged,
        theirs: Side,
        conflicts: Mapping[str, Conflict],
        held: set[TaskField],
    ) -> None:
        clashing = {clash.field for clash in done.clashes}
        for clash in done.clashes:
            row = self._ask(tied, clash.field, Reason.CLASH, theirs, conflicts.get(clash.field))
            row.base, row.ours, row.theirs = clash.base, clash.ours, clash.theirs
            if clash.winner is not None:
                self._settled(row, clash)
        for field, row in conflicts.items():
            if field != WHOLE_TASK and field not in clashing | held:
                close(row, Outcome.AGREED, "merge", self.now.machine)
                self.session.add(row)

    def _settled(self, row: Conflict, clash: Clash) -> None:
        assert clash.winner is not None
        contract = self.contracts[clash.field].value
        close(row, Outcome(clash.winner.value), contract, self.now.machine)

    def _ask(
        self,
        tied: Tied,
        field: TaskField | str,
        reason: Reason,
        theirs: Side,
        known: Conflict | None,
    ) -> Conflict:
        """The open conflict about this field, with both sides as they are now."""
        action, link, _ = tied
        row = known or Conflict(
            connection_id=link.connection_id,
            action_key=action.key,
            field=str(field),
            detected_at=self.now.machine,
        )
        row.reason = reason
        if isinstance(field, TaskField):
            ours = ours_of(action, self.accounts)
            row.base = base_of(link).get(field)
            row.ours, row.ours_at = ours.values.get(field), ours.moments.get(field)
            row.theirs = theirs.values.get(field)
            row.theirs_at = theirs.moments.get(field)
        self.session.add(row)
        return row

    def _lost(
        self,
        action: Action,
        link: Link,
        task: RemoteTaskRow,
        conflicts: Mapping[str, Conflict],
        unsent: Sequence[Outbox],
    ) -> list[Taken]:
        """The task is gone: its owner is asked, and nothing is made again by itself (T07)."""
        agreements.withdraw(self.session, unsent)
        if action.status in (ActionStatus.LOST, ActionStatus.DONE):
            return []
        old, action.status, action.done_at = action.status, ActionStatus.LOST.value, None
        at = task.deleted_at or self.now.business
        row = self._ask(
            (action, link, task), WHOLE_TASK, Reason.DELETED, Side({}), conflicts.get(WHOLE_TASK)
        )
        row.base = row.ours = old
        row.theirs, row.theirs_at = Reason.DELETED.value, at
        self.session.add(action)
        return [Taken(action.key, TaskField.STATUS, old, action.status, at)]

    def _found_again(
        self, action: Action, task: RemoteTaskRow | None, conflicts: Mapping[str, Conflict]
    ) -> list[Taken]:
        if task is None:
            return []
        if WHOLE_TASK in conflicts:
            close(conflicts[WHOLE_TASK], Outcome.AGREED, "merge", self.now.machine)
            self.session.add(conflicts[WHOLE_TASK])
        if action.status != ActionStatus.LOST:
            return []
        at = task.updated_at or self.now.business
        status = theirs_of(task, self.meaning)[TaskField.STATUS]
        action.status = status
        action.done_at = at if status == ActionStatus.DONE else None
        return [Taken(action.key, TaskField.STATUS, ActionStatus.LOST.value, status, at)]


def _is_older(link: Link, name: TaskField, value: str, at: datetime | None) -> bool:
    """Than our last write of that field."""
    over = (link.overwritten or {}).get(COLUMNS[name])
    if over is None or at is None:
        return False
    moment = datetime.fromisoformat(over["at"])
    # A value that was not known then may have been this one.
    found = (old is None or not differ(name, value, old) for old in over["values"])
    return at < moment or (at == moment and any(found))
