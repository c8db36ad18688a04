"""Tasks go out as activities with our key, once, whatever happens on the way."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.errors import NotFound, OutcomeUnknown, Rejected
from connectors.models import RemoteTask, Stream, Task, TaskStatus
from connectors.pipedrive.connector import Pipedrive
from connectors.pipedrive.notes import from_note, key_in, to_note
from connectors.port import Presence
from tests.connectors.pipedrive.kit import Sandbox
from tests.connectors.pipedrive.test_targets import target
from tests.connectors.running import everything

KEY = "D-email-ctr:designer"
DUE = datetime(2026, 12, 14, 17, 0, tzinfo=UTC)


def task(**changed: Any) -> Task:
    given: dict[str, Any] = {
        "key": KEY,
        "title": "Nouveau gabarit",
        "description": "Parce que le taux < 3 %\n  & il baisse",
        "owner": "22",
        "due_at": DUE,
    }
    return Task(**{**given, **changed})


def read_back(connector: Pipedrive, remote_id: str) -> RemoteTask:
    (found,) = connector.by_ids(Stream.TASKS, [remote_id]).records
    assert isinstance(found, RemoteTask)
    return found


def test_a_task_comes_back_as_it_was_written(own: Sandbox) -> None:
    connector = own.connector()
    made = connector.create_task(task(bind_deals=["3"]))
    connector.stamp_task(made, task())
    (found,) = everything(connector, Stream.TASKS)
    assert isinstance(found, RemoteTask)
    assert (found.id, found.key, found.title) == (made, KEY, "Nouveau gabarit")
    assert (found.owner, found.due_at, found.status) == ("22", DUE, TaskStatus.OPEN)
    assert found.description == task().description
    assert own.call("GET", f"v2/activities/{made}").json()["data"]["deal_id"] == 3
    # It is no contact with the deal that it is about.
    assert made not in {one.id for one in everything(connector, Stream.ACTIVITIES)}


@pytest.mark.parametrize("key", ["D 1:chef de projet", "D-1]x [y:designer", "[D]:50 %", "a<b>&c"])
def test_a_key_of_any_signs_comes_back_whole(own: Sandbox, key: str) -> None:
    connector = own.connector()
    made = connector.create_task(task(key=key))
    assert connector.find_task(key) == [made]
    connector.update_task(made, task(key=key, title="Other"))
    found = read_back(connector, made)
    assert (found.key, found.description) == (key, task().description)
    wanted = target(key=key)
    planned = connector.create_target(wanted)
    assert connector.find_target(key) == [planned]


def test_a_task_stands_at_a_lead_where_there_is_no_deal(own: Sandbox) -> None:
    lead = next(iter(own.truth("leads")))
    made = own.connector().create_task(task(bind_leads=[lead]))
    assert own.call("GET", f"v2/activities/{made}").json()["data"]["lead_id"] == lead


def test_it_is_completed_opened_again_and_deleted(own: Sandbox) -> None:
    connector = own.connector()
    made = connector.create_task(task())
    for _ in range(2):
        connector.complete_task(made)
    done = read_back(connector, made)
    assert done.status is TaskStatus.DONE
    assert done.closed_at is not None
    connector.reopen_task(made)
    assert read_back(connector, made).status is TaskStatus.OPEN
    for _ in range(2):
        connector.delete_task(made)
    assert connector.presence(Stream.TASKS, [made]) == {made: Presence.DELETED}
    assert connector.by_ids(Stream.TASKS, [made]).records == []
    assert connector.find_task(KEY) == []


def test_only_what_is_asked_for_is_overwritten(own: Sandbox) -> None:
    connector = own.connector()
    made = connector.create_task(task())
    own.edit("tasks", made, {"set": {"subject": "Theirs"}})
    later = task(title="Ours", owner="23", due_at=DUE + timedelta(days=1))
    connector.update_task(made, later, ["due_at"])
    found = read_back(connector, made)
    assert (found.title, found.owner, found.due_at) == ("Theirs", "22", later.due_at)
    connector.update_task(made, later)
    found = read_back(connector, made)
    assert (found.title, found.owner) == ("Ours", "23")


def test_a_new_text_keeps_the_marker_that_is_there(own: Sandbox) -> None:
    """A write that is taken back comes with the key of that write, not with the task's."""
    connector = own.connector()
    made = connector.create_task(task())
    connector.update_task(made, task(key="update:1", description="Short"), ["description"])
    found = read_back(connector, made)
    assert (found.key, found.description) == (KEY, "Short")


def test_an_update_leaves_what_people_formatted(own: Sandbox) -> None:
    connector = own.connector()
    made = connector.create_task(task(description="Parce que\nil baisse"))
    path = f"v2/activities/{made}"
    kept = "<p><b>Parce</b> que</p><ol><li><a href='https://example.com'>Léa&nbsp;?</a></li></ol>"
    edited = f"{kept}<p>il baisse</p><p>[retro:{task().key}]</p>"
    own.call("PATCH", path, json={"note": edited}).raise_for_status()
    connector.update_task(made, task(description="Parce que\nLéa ?\nil monte"), ["description"])
    note = own.call("GET", path).json()["data"]["note"]
    assert note == f"{kept}<p>il monte</p><p>[retro:{task().key}]</p>"


@pytest.mark.parametrize("do", ["timeout_after", "cut", "timeout_before"])
def test_a_create_whose_answer_was_lost_is_found_by_its_key(own: Sandbox, do: str) -> None:
    connector = own.connector()
    own.faults({"on": {"method": "POST v2/activities"}, "do": do})
    with pytest.raises(OutcomeUnknown):
        connector.create_task(task())
    own.faults()
    found = connector.find_task(KEY)
    assert len(found) == (do != "timeout_before")
    creates = [one for one in own.log() if one["method"] == "POST v2/activities"]
    assert len(creates) == 1


def test_a_server_error_leaves_a_create_in_doubt(own: Sandbox) -> None:
    connector = own.connector()
    own.faults({"on": {"method": "POST v2/activities"}, "do": "500", "applied": True})
    with pytest.raises(OutcomeUnknown):
        connector.create_task(task())
    assert len(connector.find_task(KEY)) == 1


def test_twins_are_both_found_and_others_are_not(own: Sandbox) -> None:
    connector = own.connector()
    twins = {connector.create_task(task()) for _ in range(2)}
    connector.create_task(task(key=f"{KEY}2"))
    assert set(connector.find_task(KEY)) == twins


def test_a_change_whose_answer_was_lost_is_done_again(own: Sandbox) -> None:
    connector = own.connector()
    made = connector.create_task(task())
    own.faults({"on": {"method": "PATCH v2/activities/{}", "nth": 1}, "do": "timeout_after"})
    connector.complete_task(made)
    assert read_back(connector, made).status is TaskStatus.DONE


def test_what_is_refused_is_told(own: Sandbox) -> None:
    connector = own.connector()
    with pytest.raises(Rejected, match="owner_id: User not found or inactive"):
        connector.create_task(task(owner="24"))
    with pytest.raises(Rejected, match="type: Unknown"):
        own.connector(task_type="deadline").create_task(task())
    with pytest.raises(Rejected, match="deal_id"):
        connector.create_task(task(bind_deals=["41"]))
    with pytest.raises(NotFound):
        connector.complete_task("77777")


def test_a_day_without_a_time_is_due_when_it_is_over(own: Sandbox) -> None:
    connector = own.connector()
    made = connector.create_task(task())
    own.edit("tasks", made, {"set": {"due_date": "2026-12-20", "due_time": None}})
    assert read_back(connector, made).due_at == datetime(2026, 12, 20, 23, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "note",
    [
        "<p>Parce que</p><p>il baisse</p><p>[retro:K-1]</p>",
        "Parce que<br/>il baisse<br>[retro:K-1]",
        "<div>Parce&nbsp;que</div><b>il</b> baisse [retro:K-1]",
    ],
)
def test_a_note_that_was_tidied_is_read_all_the_same(note: str) -> None:
    assert key_in(note) == "K-1"
    assert from_note(note) == "Parce que\nil baisse"


@pytest.mark.parametrize("text", ["", "a", "a\nb", "<b>&amp;</b>", "1 < 2 > 0"])
def test_a_text_comes_back_from_its_note(text: str) -> None:
    assert from_note(to_note(text, "k&1")) == (text or None)
    assert key_in(to_note(text, "k&1")) == "k&1"


def test_many_keys_are_looked_for_in_one_listing(own: Sandbox) -> None:
    connector = own.connector()
    made = {key: [connector.create_task(task(key=key))] for key in ("D-1", "D-10", "D-2")}
    made["D-1"].append(connector.create_task(task(key="D-1")))
    before = connector.requests
    assert connector.find_tasks([*made, "another"]) == {**made, "another": []}
    assert connector.requests - before == 1


@pytest.mark.promise("G5")
def test_a_task_of_long_ago_is_found_and_costs_who_looks_for_a_new_one_nothing(
    own: Sandbox,
) -> None:
    connector = own.connector()
    made, planned = connector.create_task(task()), connector.create_target(target())
    own.at("2027-06-01T08:00:00Z")
    another = connector.create_task(task(key="D-2"))
    assert connector.find_tasks([KEY, "D-2"]) == {KEY: [made], "D-2": [another]}
    assert connector.find_target(target().key) == [planned]
    lately = datetime(2027, 5, 31, tzinfo=UTC)
    assert connector.find_tasks([KEY, "D-2"], lately) == {KEY: [], "D-2": [another]}
    assert connector.find_target(target().key, lately) == []
    connector.complete_task(made)
    assert connector.find_tasks([KEY], lately) == {KEY: [made]}
