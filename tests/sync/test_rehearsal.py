"""A dry run promises what the push then sends: the same calls, in the same order, to the byte."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from connectors.rehearsal import Rehearsal
from sync.rehearsal import Change, DryRun, rehearse
from sync.store import links, outbox, undone
from sync.store.outbox import Intention
from sync.tables.outbox import LinkKind, Operation, Outbox, OutboxState
from sync.tables.runs import PUSH, Mode, RunStatus
from sync.undoing import plan_undo
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.faults.push_case import (
    COPYWRITER,
    DESIGNER,
    TARGET,
    V2,
    V3,
    assert_delivered_once,
    intentions,
)
from tests.portal import NOW, Mirrored


@pytest.fixture(params=[V3, V2], ids=["REST 3", "REST 2 only"])
def portal(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with sandbox(records=4, seed=5, scopes=request.param) as running:
        yield running


def promised(mirrored: Mirrored, *planned: Intention) -> DryRun:
    with httpx.HTTPTransport() as network:
        wire = Rehearsal(network, mirrored.portal.connector().rehearsal(), lambda: None)
        connector = mirrored.connector(wire)
        ours = mirrored.connection_id
        return rehearse(mirrored.database, connector, wire, ours, planned, mirrored.clock.now)


def sent(mirrored: Mirrored) -> list[tuple[str, str]]:
    """What a push sends, as the portal logs it."""
    asked = len(mirrored.portal.log())
    run_id = mirrored.queue(PUSH, Mode.PUSH)
    mirrored.work(run_id)
    assert mirrored.run(run_id).status is RunStatus.SUCCEEDED
    return [(each["method"], each["body"]) for each in mirrored.portal.log()[asked:]]


def intend(mirrored: Mirrored, *planned: Intention) -> None:
    with mirrored.database.writing() as session:
        outbox.intend(session, planned, NOW)


def given(mirrored: Mirrored, told: DryRun) -> list[tuple[str, str]]:
    """The promised calls, with the ids that the portal gave meanwhile."""
    ids = {"type": str(mirrored.portal.call("crm.type.list", {})["types"][0]["id"])}
    with mirrored.database.reading() as session:
        for row in outbox.outbox_rows(session):
            if row.remote_id is not None:
                ids |= {f"{kind} {row.subject}": row.remote_id for kind in ("task", "target")}
    calls = []
    for call in told.calls:
        body = call.body
        for number, stands_for in told.made.items():
            if str(number) in body:
                body = body.replace(str(number), ids[stands_for])
        calls.append((call.method, body))
    return calls


def row(mirrored: Mirrored, key: str) -> Outbox:
    with mirrored.database.reading() as session:
        return session.get_one(Outbox, key)


def later(mirrored: Mirrored) -> list[Intention]:
    """Writes to what the first push made."""
    ours = mirrored.connection_id
    new = {**row(mirrored, DESIGNER).payload, "title": "Gabarit 2", "description": "« & + »"}
    met = {**row(mirrored, TARGET).payload, "actual": 0.0301, "outcome": "met"}
    return [
        Intention("u1", ours, Operation.UPDATE_TASK, DESIGNER, {**new, "title": "1"}, []),
        Intention("u2", ours, Operation.UPDATE_TASK, DESIGNER, new, []),
        Intention("c", ours, Operation.COMMENT, DESIGNER, {"text": "Ça y est ?"}, []),
        Intention("d", ours, Operation.COMPLETE_TASK, COPYWRITER, {}, []),
        Intention("t", ours, Operation.UPDATE_TARGET, TARGET, met, []),
    ]


@pytest.mark.promise("G13")
def test_a_first_push_sends_the_bodies_that_were_promised(mirrored: Mirrored) -> None:
    """With the smart process, its fields, and the ids that only the portal can give."""
    told = promised(mirrored, *intentions(mirrored.connection_id))
    assert told.status is RunStatus.SUCCEEDED
    assert [each.state for each in told.promises] == ["done"] * 4
    with mirrored.database.reading() as session:
        assert outbox.outbox_rows(session) == []
    assert mirrored.portal.call("crm.type.list", {})["types"] == []
    intend(mirrored, *intentions(mirrored.connection_id))
    after = sent(mirrored)
    assert given(mirrored, told) == after
    assert len(told.calls) == len(after)
    assert_delivered_once(mirrored)


@pytest.mark.promise("G13")
def test_updates_comments_ends_and_targets_are_sent_as_promised(mirrored: Mirrored) -> None:
    intend(mirrored, *intentions(mirrored.connection_id))
    sent(mirrored)
    intend(mirrored, *later(mirrored))
    told = promised(mirrored)
    promises = {each.key: each for each in told.promises}
    assert promises["u1"].superseded_by == "u2"
    first = row(mirrored, DESIGNER).payload
    assert promises["u2"].changes == [
        Change("title", first["title"], "Gabarit 2"),
        Change("description", first["description"], "« & + »"),
    ]
    assert promises["d"].changes == [Change("status", "open", "done")]
    assert promises["t"].changes == [
        Change("actual", None, 0.0301),
        Change("outcome", None, "met"),
    ]
    assert given(mirrored, told) == sent(mirrored)
    assert row(mirrored, "u1").state is OutboxState.SUPERSEDED


def move(mirrored: Mirrored, before: str, after: str) -> Intention:
    moved = {**row(mirrored, TARGET).payload, "moved_from": before, "recheck_on": after}
    key, ours = f"{TARGET}:{before}:{after}", mirrored.connection_id
    return Intention(key, ours, Operation.UPDATE_TARGET, TARGET, moved, [])


def set_day(mirrored: Mirrored, day: str) -> None:
    change = {"entityTypeId": 1038, "id": row(mirrored, TARGET).remote_id}
    mirrored.portal.call("crm.item.update", {**change, "fields": {"closedate": day}})


@pytest.mark.promise("G13")
def test_moves_of_a_target_are_sent_as_promised_with_its_day_before_and_after(
    mirrored: Mirrored,
) -> None:
    intend(mirrored, *intentions(mirrored.connection_id))
    sent(mirrored)
    base = held_base(mirrored)
    there = move(mirrored, "2027-01-15", "2027-01-09")
    back = move(mirrored, "2027-01-09", "2027-01-20")
    intend(mirrored, there, back)
    told = promised(mirrored)
    assert {each.key: each.changes for each in told.promises} == {
        there.key: [Change("recheck_on", "2027-01-15", "2027-01-09")],
        back.key: [Change("recheck_on", "2027-01-09", "2027-01-20")],
    }
    assert [call.method for call in told.calls if call.writes] == ["crm.item.update"] * 2
    assert given(mirrored, told) == sent(mirrored)
    assert held_base(mirrored) == {**base, "recheck_on": "2027-01-20"}


@pytest.mark.promise("G13")
def test_a_day_that_people_set_stays_and_is_promised_to_stay(mirrored: Mirrored) -> None:
    intend(mirrored, *intentions(mirrored.connection_id))
    sent(mirrored)
    set_day(mirrored, "2027-02-01")
    base, late = held_base(mirrored), move(mirrored, "2027-01-15", "2027-01-09")
    intend(mirrored, late)
    told = promised(mirrored)
    (promise,) = told.promises
    assert (promise.state, promise.changes) == ("done", [])
    assert not [call for call in told.calls if call.writes]
    assert given(mirrored, told) == sent(mirrored)
    assert row(mirrored, late.key).before == {"recheck_on": "2027-02-01", "stays": True}
    assert held_base(mirrored) == base


@pytest.mark.promise("G13")
def test_a_target_that_is_not_there_yet_is_made_then_moved_as_promised(mirrored: Mirrored) -> None:
    intend(mirrored, *intentions(mirrored.connection_id))
    late = move(mirrored, "2027-01-15", "2027-01-09")
    told = promised(mirrored, late)
    moved = {each.key: each.changes for each in told.promises}[late.key]
    assert moved == [Change("recheck_on", "2027-01-15", "2027-01-09")]
    intend(mirrored, late)
    after = sent(mirrored)
    assert given(mirrored, told) == after
    with mirrored.database.reading() as session:
        wanted, left = plan_undo([session.get_one(Outbox, late.key)], 1)
    assert wanted == []
    assert [each.key for each in left] == [late.key]
    assert "the day it is checked on" in left[0].reason


@pytest.mark.promise("G13")
def test_a_move_that_cannot_go_out_is_told_as_it_was_planned(mirrored: Mirrored) -> None:
    intend(mirrored, *intentions(mirrored.connection_id))
    sent(mirrored)
    late = move(mirrored, "2027-01-15", "2027-01-09")
    item = {"entityTypeId": 1038, "id": row(mirrored, TARGET).remote_id}
    mirrored.portal.call("crm.item.delete", item)
    (promise,) = promised(mirrored, late).promises
    assert promise.state == "refused"
    assert promise.changes == [Change("recheck_on", "2027-01-15", "2027-01-09")]


def held_base(mirrored: Mirrored) -> dict[str, Any]:
    with mirrored.database.reading() as session:
        return links.base(session, mirrored.connection_id, LinkKind.TARGET, TARGET)


@pytest.mark.promise("G13")
def test_an_undo_is_promised_with_what_somebody_changed_left(mirrored: Mirrored) -> None:
    intend(mirrored, *intentions(mirrored.connection_id))
    sent(mirrored)
    task: Any = row(mirrored, COPYWRITER).remote_id
    mirrored.portal.call("tasks.task.update", {"taskId": task, "fields": {"TITLE": "Autre"}})
    run_id = row(mirrored, DESIGNER).run_id
    assert run_id is not None
    with mirrored.database.reading() as session:
        wanted, _ = plan_undo(undone.done_in(session, run_id), run_id)
    told = promised(mirrored, *wanted)
    states = {each.subject: (each.state, each.error) for each in told.promises}
    assert states[DESIGNER] == ("done", None)
    state, error = states[COPYWRITER]
    assert state == "refused"
    assert error is not None
    assert error["message"] == "Somebody changed it since: title."
    assert len(tasks_of(mirrored)) == 2


def tasks_of(mirrored: Mirrored) -> list[Any]:
    found: list[Any] = mirrored.portal.call("tasks.task.list", {"start": -1})["tasks"]
    return found
