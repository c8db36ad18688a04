"""A push when things go wrong: a lost answer stays in doubt, an outage costs nothing but time, and
what the tool refuses is left for somebody, who is told."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from sync.push import FIRST_PAUSE, MOST_ATTEMPTS
from sync.store import by_hand, outbox, pushes
from sync.tables.connections import Connection, ConnectionState
from sync.tables.outbox import Outbox, OutboxState
from sync.tables.runs import PUSH, Mode, Run, RunStatus
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.faults.push_case import (
    COPYWRITER,
    DESIGNER,
    REMINDER,
    TARGET,
    assert_delivered_once,
    intentions,
    plan_behind,
    queue_push,
)
from tests.portal import NOW, Mirrored

# Without REST 3 no key makes a create repeatable.
SCOPES = ("crm", "task", "user_brief", "userfieldconfig", "im")
CREATES = ("crm.item.add", "tasks.task.add", "task.commentitem.add")
LOOK_UPS = ("crm.item.list", "batch", "tasks.task.list", "tasks.task.get", "im.dialog.messages.get")
REFUSED = {"do": "error", "code": "AccessDeniedException"}
OTHER = "D-other:copywriter"
# Longer than the first pauses.
LATER = timedelta(minutes=2)


def nth(create: str) -> int:
    """REST 3 is asked first, and refuses for want of its scope."""
    return 2 if create == "tasks.task.add" else 1


@pytest.fixture
def portal() -> Iterator[Sandbox]:
    with sandbox(records=4, seed=5, scopes=SCOPES) as running:
        yield running


def write(mirrored: Mirrored, key: str) -> Outbox:
    with mirrored.database.reading() as session:
        return session.get_one(Outbox, key)


def states(mirrored: Mirrored) -> list[OutboxState]:
    return [write(mirrored, one.key).state for one in intentions(mirrored.connection_id)]


def retry(mirrored: Mirrored, key: str) -> None:
    with mirrored.database.writing() as session:
        assert by_hand.retry(session, key)


def push_again(mirrored: Mirrored) -> Run:
    return mirrored.finish(mirrored.queue(PUSH, Mode.PUSH))


def tasks_with(portal: Sandbox, key: str) -> list[str]:
    wanted = {"start": -1, "select": ["ID", "XML_ID"]}
    tasks = portal.call("tasks.task.list", wanted)["tasks"]
    return [task["id"] for task in tasks if task["xmlId"] == key]


@pytest.mark.promise("G5")
@pytest.mark.parametrize("look_up", ["html", "429", "expired_token", "wrong_json"])
@pytest.mark.parametrize("create", CREATES)
def test_a_lost_answer_is_not_forgotten_when_the_look_up_fails(
    mirrored: Mirrored, create: str, look_up: str
) -> None:
    mirrored.portal.faults({"on": {"method": create, "nth": nth(create)}, "do": "timeout_after"})
    run_id = queue_push(mirrored)
    mirrored.work(run_id)
    mirrored.portal.faults(*({"on": {"method": each}, "do": look_up} for each in LOOK_UPS))
    mirrored.clock.advance(LATER)
    mirrored.work(run_id)
    mirrored.portal.faults()
    if mirrored.finish(run_id).status is RunStatus.FAILED:
        assert look_up == "expired_token"
        assert push_again(mirrored).status is RunStatus.SUCCEEDED
    assert_delivered_once(mirrored)


@pytest.mark.promise("G5")
@pytest.mark.parametrize("create", CREATES)
def test_a_create_whose_answer_cannot_be_read_is_looked_up(mirrored: Mirrored, create: str) -> None:
    mirrored.portal.faults(
        {"on": {"method": create, "nth": nth(create)}, "do": "wrong_json", "applied": True}
    )
    assert mirrored.finish(queue_push(mirrored)).status is RunStatus.SUCCEEDED
    mirrored.portal.faults()
    assert_delivered_once(mirrored)


@pytest.mark.promise("G5")
def test_a_create_that_was_refused_before_it_was_done_needs_no_look_up(mirrored: Mirrored) -> None:
    mirrored.portal.faults({"on": {"method": "crm.item.add", "nth": 1}, "do": "expired_token"})
    assert mirrored.finish(queue_push(mirrored)).status is RunStatus.FAILED
    assert not write(mirrored, TARGET).may_exist
    asked = len(mirrored.portal.log())
    assert push_again(mirrored).status is RunStatus.SUCCEEDED
    assert "crm.item.list" not in {each["method"] for each in mirrored.portal.log()[asked:]}
    assert_delivered_once(mirrored)


@pytest.mark.promise("G5")
def test_of_two_tasks_with_one_key_a_person_keeps_one_and_no_other_is_made(
    mirrored: Mirrored,
) -> None:
    portal = mirrored.portal
    portal.faults({"on": {"method": "tasks.task.add", "nth": 2}, "do": "timeout_after"})
    run_id = queue_push(mirrored)
    mirrored.work(run_id)
    twin = {"TITLE": "Copie", "RESPONSIBLE_ID": 7, "CREATED_BY": 1, "XML_ID": DESIGNER}
    portal.call("tasks.task.add", {"fields": twin})
    kept, copied = sorted(tasks_with(portal, DESIGNER), key=int)
    run = mirrored.finish(run_id)
    assert run.status is RunStatus.INCOMPLETE
    assert run.error is not None
    assert f"holds 2 records of the task {DESIGNER}: {kept}, {copied}" in run.error["message"]
    portal.call("tasks.task.delete", {"taskId": copied})
    retry(mirrored, DESIGNER)
    assert push_again(mirrored).status is RunStatus.SUCCEEDED
    assert tasks_with(portal, DESIGNER) == [kept]
    assert_delivered_once(mirrored)


@pytest.mark.promise("G5")
def test_what_somebody_made_by_hand_meanwhile_is_not_made_again(mirrored: Mirrored) -> None:
    portal = mirrored.portal
    portal.faults({"on": {"method": "tasks.task.add", "nth": 2}, **REFUSED})
    assert mirrored.finish(queue_push(mirrored)).status is RunStatus.INCOMPLETE
    made = {"TITLE": "À la main", "RESPONSIBLE_ID": 7, "CREATED_BY": 1, "XML_ID": DESIGNER}
    portal.call("tasks.task.add", {"fields": made})
    retry(mirrored, DESIGNER)
    push_again(mirrored)
    assert len(tasks_with(portal, DESIGNER)) == 1


@pytest.mark.promise("G5")
@pytest.mark.promise("G12")
def test_a_dead_letter_is_told_and_looked_up_when_it_is_sent_again(mirrored: Mirrored) -> None:
    """The task is made each time, in an answer nobody understands; then nothing answers well."""
    portal = mirrored.portal
    portal.faults(
        {"on": {"method": "tasks.task.add", "nth": 2}, "do": "wrong_json", "applied": True},
        {"on": {"method": "batch"}, "do": "wrong_json"},
    )
    run = mirrored.finish(queue_push(mirrored))
    assert run.status is RunStatus.INCOMPLETE
    dead = write(mirrored, DESIGNER)
    assert (dead.state, dead.attempts) == (OutboxState.DEAD, MOST_ATTEMPTS)
    assert run.error is not None
    assert run.error["who"] == "developer"
    assert write(mirrored, COPYWRITER).state is OutboxState.DONE
    portal.faults()
    retry(mirrored, DESIGNER)
    assert push_again(mirrored).status is RunStatus.SUCCEEDED
    assert_delivered_once(mirrored)


@pytest.mark.promise("G12")
@pytest.mark.promise("G16")
def test_a_refused_write_leaves_the_run_incomplete_and_says_what_waits_for_whom(
    mirrored: Mirrored,
) -> None:
    """The rest goes through; what follows the refused task waits behind it and is not tried."""
    with mirrored.database.writing() as session:
        plan_behind(session, mirrored.connection_id)
    mirrored.portal.faults({"on": {"method": "tasks.task.add", "nth": 2}, **REFUSED})
    run = mirrored.finish(queue_push(mirrored))
    assert (run.status, run.set_aside) == (RunStatus.INCOMPLETE, 1)
    assert run.error is not None
    assert run.error["kind"] == "WritesWait"
    assert f"create_task {DESIGNER}: The key's user may not do" in run.error["message"]
    assert (run.error["who"], run.error["blocks"]) == ("editor", ["decision D-email-ctr"])
    done, planned = OutboxState.DONE, OutboxState.PLANNED
    assert states(mirrored) == [done, OutboxState.REFUSED, done, planned]
    assert write(mirrored, REMINDER).waits == 0
    with mirrored.database.reading() as session:
        assert not outbox.has_unsent(session, mirrored.connection_id)
        assert pushes.next_attempt(session, mirrored.connection_id, mirrored.now()) is None
        assert pushes.pending_connections(session, mirrored.clock.now()) == []
    mirrored.portal.faults()
    retry(mirrored, DESIGNER)
    again = push_again(mirrored)
    assert (again.status, again.error) == (RunStatus.SUCCEEDED, None)
    assert_delivered_once(mirrored)


def test_a_later_push_does_not_hide_what_an_earlier_one_left_held_back(mirrored: Mirrored) -> None:
    mirrored.portal.faults({"on": {"method": "tasks.task.add", "nth": 2}, **REFUSED})
    mirrored.finish(queue_push(mirrored))
    mirrored.portal.faults()
    copy = intentions(mirrored.connection_id)[2]
    payload = {**copy.payload, "key": OTHER}
    follows = replace(copy, key=OTHER, subject=OTHER, payload=payload)
    with mirrored.database.writing() as session:
        outbox.intend(session, [follows], NOW)
    later = push_again(mirrored)
    assert (later.status, later.created, later.set_aside) == (RunStatus.INCOMPLETE, 1, 0)
    assert later.error is not None
    assert f"Not delivered: 1. create_task {DESIGNER}: " in later.error["message"]
    assert later.error["message"].endswith("Held back behind: 1.")


def test_a_comment_on_a_task_that_was_never_sent_is_refused_at_once(mirrored: Mirrored) -> None:
    *_, comment = intentions(mirrored.connection_id)
    with mirrored.database.writing() as session:
        outbox.intend(session, [comment], NOW)
    assert push_again(mirrored).status is RunStatus.INCOMPLETE
    told = write(mirrored, REMINDER)
    assert told.state is OutboxState.REFUSED
    assert told.error is not None
    assert DESIGNER in told.error["message"]


def nobody_there(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route", request=request)


@pytest.mark.promise("G5")
def test_an_outage_of_a_day_costs_nothing_but_time(mirrored: Mirrored) -> None:
    run_id = queue_push(mirrored)
    connector = mirrored.connector(httpx.MockTransport(nobody_there))
    began, pauses = mirrored.clock.now(), []
    while mirrored.clock.now() - began < timedelta(days=1):
        assert mirrored.work(run_id, connector) is RunStatus.WAITING
        until = mirrored.run(run_id).waiting_until
        assert until is not None
        pauses.append(until - mirrored.clock.now())
        mirrored.clock.moment = until
    assert (pauses[0], pauses[-1]) == (FIRST_PAUSE, outbox.LONGEST_PAUSE)
    assert pauses == sorted(pauses)
    assert states(mirrored) == [OutboxState.PLANNED] * 4
    assert write(mirrored, TARGET).attempts == 0
    assert mirrored.finish(run_id).status is RunStatus.SUCCEEDED
    assert_delivered_once(mirrored)


def test_an_outage_breaks_off_the_slice_instead_of_asking_for_every_write(
    mirrored: Mirrored,
) -> None:
    run_id = queue_push(mirrored)
    mirrored.work(run_id, mirrored.connector(httpx.MockTransport(nobody_there)))
    waits = [write(mirrored, one.key).waits for one in intentions(mirrored.connection_id)]
    assert waits == [1, 0, 0, 0]


def test_a_write_that_always_fails_does_not_keep_the_others_from_their_turn(
    mirrored: Mirrored,
) -> None:
    mirrored.portal.faults({"on": {"method": "crm.type.list"}, "do": "html"})
    first, *rest = intentions(mirrored.connection_id)
    free: list[Any] = [one for one in rest if not one.payload.get("bind_targets")]
    assert free == [rest[-1]]
    unbound = [
        outbox.Intention(**{**vars(one), "payload": {**one.payload, "bind_targets": []}})
        for one in rest
    ]
    with mirrored.database.writing() as session:
        outbox.intend(session, [first, *unbound], NOW)
    run_id = mirrored.queue(PUSH, Mode.PUSH)
    for _ in range(3):
        mirrored.work(run_id)
        mirrored.clock.advance(outbox.LONGEST_PAUSE)
    done = OutboxState.DONE
    assert states(mirrored) == [OutboxState.PLANNED, done, done, done]


@pytest.mark.promise("G5")
def test_a_key_that_is_refused_for_days_makes_no_dead_letter(mirrored: Mirrored) -> None:
    mirrored.portal.faults({"on": {"method": "crm.type.list"}, "do": "expired_token"})
    queue_push(mirrored)
    for _ in range(MOST_ATTEMPTS + 2):
        run = push_again(mirrored)
        assert run.status is RunStatus.FAILED
    assert states(mirrored) == [OutboxState.PLANNED] * 4
    with mirrored.database.reading() as session:
        row = session.get_one(Connection, mirrored.connection_id)
        assert row.state is ConnectionState.BROKEN
    mirrored.portal.faults()
    assert push_again(mirrored).status is RunStatus.SUCCEEDED
    with mirrored.database.reading() as session:
        row = session.get_one(Connection, mirrored.connection_id)
        assert (row.state, row.error) == (ConnectionState.ACTIVE, None)
    assert_delivered_once(mirrored)
