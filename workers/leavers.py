"""Hands the open work of people who have left to somebody who is there (T13)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlmodel import Session

from connectors.models import ActionStatus
from rules.follow_up import owner_left
from rules.owners import Choice, NoOwner, keep, with_work
from rules.people import Staff
from rules.plan import Because, Plan
from rules.workspace import Workspace
from sync.store import agreements, connections, outbox, people, retros, undone
from sync.store.database import again_after_conflict
from sync.tables.retros import UNFINISHED, Action, Problem
from sync.vault import SecretsUnreadable
from workers.actions import Edit, apply_edit, meaning_of, merge_now
from workers.app import App
from workers.intentions import intentions
from workers.places import places_for_rules
from workers.workspace import workspace

# No rule of the file: it holds for every task, whatever the rules say.
RULE = "leaver"


@dataclass(frozen=True)
class HandOver:
    action: Action
    choice: Choice


def hand_over(app: App, now: datetime) -> list[Problem]:
    """The holder of the role with the least to do takes over, else who is accountable for the
    decision; the task and an admin are told. Returns what nobody can take."""
    with app.database.reading() as session:
        space = workspace(app, session, now) if _is_needed(session) else None
    if space is None:
        return []
    places, problems = again_after_conflict(partial(_hand_over, app, space, now))
    for connection_id in places:
        try:
            meaning = meaning_of(app, connection_id)
        except (SecretsUnreadable, ValueError):
            continue  # what is stored of it cannot be used; the first pull that can does the rest
        merge_now(app, connection_id, meaning)
    return problems


def _hand_over(app: App, space: Workspace, now: datetime) -> tuple[set[int], list[Problem]]:
    """The connections whose tasks have to follow, and what nobody can take."""
    problems: list[Problem] = []
    with app.database.writing() as session:
        # As who edits an action locks it: an edit that was made meanwhile is seen here.
        for row in connections.all_connections(session):
            assert row.id is not None
            agreements.tied_tasks(session, row.id)
        found = list(_hand_overs(session, space, now, problems))
        for each in found:
            apply_edit(app, each.action, Edit(owner=each.choice.person.id), now)
            each.action.owner_reason = each.choice.reason
            session.add(each.action)
        session.flush()
        there = places_for_rules(session)
        for each in found:
            if each.action.status == ActionStatus.LOST:
                continue  # there is no task to tell it at
            gone = each.choice.left.id if each.choice.left else None
            because = Because(RULE, 1, {"task.owner": gone})
            notices = owner_left(each.action.key, each.choice, because, space, now)
            told = intentions(session, Plan(notices=tuple(notices)), space, there)
            outbox.intend(session, told, now)
        return {each.action.connection_id for each in found}, problems


def _is_needed(session: Session) -> bool:
    gone = {person.id for person in people.all_people(session) if not person.active}
    return bool(gone) and any(
        action.owner in gone and _is_to_be_done(session, action)
        for action in retros.actions(session)
    )


def _is_to_be_done(session: Session, action: Action) -> bool:
    """That of a task that is gone as well, while it may be made again: its owner is asked."""
    if action.status != ActionStatus.LOST:
        return action.status in UNFINISHED
    key, place = action.key, action.connection_id
    asked = agreements.open_conflicts(session, place).get(key)
    return bool(asked) or undone.create_taken_back(session, place, key) is not None


def _hand_overs(
    session: Session, space: Workspace, now: datetime, problems: list[Problem]
) -> Iterator[HandOver]:
    staff: Staff = space.staff
    accountable = {row.id: row.accountable for row in retros.decisions(session)}
    for action in retros.locked_actions(session):
        person = staff.people.get(action.owner)
        if person is None or person.active or not _is_to_be_done(session, action):
            continue
        able = people.accounts_of_people(session, action.connection_id)
        reachable = _with_accounts(staff, able, action.owner)
        try:
            choice = keep(
                action.owner,
                action.owner_reason,
                reachable,
                on=space.calendar.day_of(now),
                language=space.language,
                fallback=accountable[action.decision_id],
            )
        except NoOwner:
            problems.append(
                Problem(
                    about=action.key,
                    rule=None,
                    message=f"{person.name} has left, and nobody with an account in the tool can "
                    f"take over; name somebody: retro action {action.key} --owner PERSON",
                    since=now,
                )
            )
            continue
        staff = with_work(staff, choice.person)
        yield HandOver(action, choice)


def _with_accounts(staff: Staff, accounts: Mapping[str, str], owner: str) -> Staff:
    """Without those whom the tool does not know: they cannot take its tasks."""
    able = {id_: each for id_, each in staff.people.items() if id_ == owner or id_ in accounts}
    return replace(staff, people=able)
