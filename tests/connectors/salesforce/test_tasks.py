"""Tasks out, each once, and back; with our key in each place that an org may have for it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from connectors.errors import NotFound, OutcomeUnknown, Rejected, Unavailable
from connectors.models import RemoteTask, Stream, Task, TaskStatus
from connectors.port import Presence, Window
from connectors.salesforce import due
from connectors.salesforce.portal.ids import numbered
from tests.connectors.running import everything
from tests.connectors.salesforce.kit import Rewriting, Sandbox, sandbox

NADIA, LEO, MINA, GONE = (numbered("User", number) for number in (1, 2, 3, 4))
DUE = datetime(2026, 12, 14, 17, 0, tzinfo=UTC)
KEYS = ("unique", "external", "plain", "none")


def task(**changes: Any) -> Task:
    given = {
        "key": "D-1:designer",
        "title": "Nouveau gabarit du bouton",
        "description": "Parce que le taux de clic est faible\n50 % de 'peu'",
        "owner": NADIA,
        "due_at": DUE,
    }
    return Task(**{**given, **changes})


@pytest.fixture(params=KEYS)
def org_with_key(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with sandbox(records=8, key_field=request.param) as running:
        yield running


def held(own: Sandbox, task_id: str) -> RemoteTask:
    found = {one.id: one for one in everything(own.connector(), Stream.TASKS)}[task_id]
    assert isinstance(found, RemoteTask)
    return found


def test_a_task_is_made_with_its_key_and_comes_back_as_it_was(org_with_key: Sandbox) -> None:
    connector = org_with_key.connector()
    made = connector.create_task(task())
    assert connector.find_task(task().key) == [made]
    assert connector.find_task("d-1:DESIGNER") == []
    assert connector.find_task("D-1:other") == []
    found = held(org_with_key, made)
    assert (found.key, found.title, found.description) == (
        "D-1:designer",
        task().title,
        task().description,
    )
    assert (found.owner, found.due_at, found.status) == (NADIA, DUE, TaskStatus.OPEN)
    (told,) = org_with_key.truth("tasks").values()
    assert (told["key"], told["title"]) == (task().key, task().title)
    # Nobody else's tasks are told.
    assert len(everything(connector, Stream.TASKS)) == 1


def test_a_create_by_a_unique_key_makes_one_task_however_often_it_is_sent(own: Sandbox) -> None:
    own.faults({"on": {"method": "task.upsert", "nth": 1}, "do": "timeout_after"})
    made = own.connector().create_task(task())
    assert own.connector().create_task(task()) == made
    assert list(own.truth("tasks")) == [made]


def test_keys_that_a_pattern_takes_for_one_are_told_apart(org_with_key: Sandbox) -> None:
    connector = org_with_key.connector()
    keys = ("D-1:designer-p_des", "D-1:designer-pxdes", "D-1:50 %", "D-1:50 x", r"D-1:a\b")
    made = {key: connector.create_task(task(key=key)) for key in keys}
    assert {key: connector.find_task(key) for key in keys} == {k: [v] for k, v in made.items()}


@pytest.mark.parametrize("key", ["D 1:chef de projet", "D-1]x [y:designer", "[D]:50 %"])
def test_a_key_of_any_signs_comes_back_whole(org_with_key: Sandbox, key: str) -> None:
    connector = org_with_key.connector()
    made = connector.create_task(task(key=key))
    assert connector.find_task(key) == [made]
    found = held(org_with_key, made)
    assert (found.key, found.title) == (key, task().title)


@pytest.mark.parametrize("key", ["D 1:chef de projet", "D-1:50 %", "D-1:designer"])
def test_a_mark_of_before_is_still_found_and_read(key: str) -> None:
    with sandbox(records=4, key_field="none") as own:
        made = own.connector().create_task(task())
        own.edit("tasks", made, {"set": {"Subject": f"{task().title} [rr:{key}]"}})
        assert own.connector().find_task(key) == [made]
        found = held(own, made)
        assert (found.key, found.title) == (key, task().title)


@pytest.mark.parametrize("where", ["external", "plain", "none"])
def test_a_lost_create_without_a_unique_key_is_looked_up(where: str) -> None:
    with sandbox(records=4, key_field=where) as own:
        own.faults({"on": {"method": "task.create", "nth": 1}, "do": "timeout_after"})
        connector = own.connector()
        with pytest.raises(OutcomeUnknown):
            connector.create_task(task())
        assert connector.find_task(task().key) == list(own.truth("tasks"))
        assert own.methods()["Task.create"] == 1


def test_two_first_writes_by_one_key_are_one_task(own: Sandbox) -> None:
    """The one that comes second is refused as a double, and then changes what is there."""
    asked: list[httpx.Response] = []

    def taken(response: httpx.Response) -> httpx.Response:
        if response.status_code == 201 and not asked:
            asked.append(response)
            told = [{"errorCode": "DUPLICATE_VALUE", "message": "duplicate value found"}]
            return httpx.Response(400, json=told)
        return response

    connector = own.over(Rewriting(httpx.HTTPTransport(), taken))
    made = connector.create_task(task())
    assert asked[0].json()["id"] == made
    assert list(own.truth("tasks")) == [made]


def test_a_key_that_several_tasks_carry_is_told(own: Sandbox) -> None:
    connector = own.connector()
    first = connector.create_task(task())
    second = connector.create_task(task(key="another"))
    own.edit("tasks", second, {"set": {"Subject": "Copy"}})
    wire = httpx.MockTransport(lambda request: several(request, own.http))
    with pytest.raises(Rejected, match="Several records"):
        own.over(wire).create_task(task())
    assert first != second


def several(request: httpx.Request, http: httpx.Client) -> httpx.Response:
    if request.method == "PATCH":
        return httpx.Response(300, json=["/a", "/b"])
    answer = http.request(
        request.method,
        request.url.raw_path.decode(),
        content=request.read(),
        headers=request.headers,
    )
    return httpx.Response(answer.status_code, content=answer.content)


def test_an_update_writes_what_is_asked_for_and_nothing_else(org_with_key: Sandbox) -> None:
    own = org_with_key
    connector = own.connector()
    made = connector.create_task(task())
    own.edit("tasks", made, {"set": {"OwnerId": LEO, "Priority": "High"}})
    other = task(title="Bouton vert", description="Neuf", owner=MINA)
    connector.update_task(made, other, ["title"])
    found = held(own, made)
    assert (found.title, found.description, found.owner) == (
        "Bouton vert",
        task().description,
        LEO,
    )
    connector.update_task(made, other, ["description"])
    found = held(own, made)
    assert (found.description, found.owner, found.due_at) == ("Neuf", LEO, DUE)
    connector.update_task(made, task(due_at=datetime(2026, 12, 20, 9, 30, tzinfo=UTC)), ["due_at"])
    found = held(own, made)
    assert (found.description, found.due_at) == ("Neuf", datetime(2026, 12, 20, 9, 30, tzinfo=UTC))
    connector.update_task(made, task())
    found = held(own, made)
    assert (found.title, found.owner, found.due_at, found.key) == (
        task().title,
        NADIA,
        DUE,
        task().key,
    )


def test_the_day_is_that_of_the_owner() -> None:
    """At 22:00 in Paris it is the next day in India."""
    late = datetime(2026, 12, 14, 21, 0, tzinfo=UTC)
    with sandbox(records=4) as own:
        connector = own.connector()
        for owner, day in ((NADIA, "2026-12-14"), (MINA, "2026-12-15")):
            made = connector.create_task(task(key=owner, owner=owner, due_at=late))
            (row,) = own.query(f"SELECT ActivityDate, Description FROM Task WHERE Id = '{made}'")
            assert row["ActivityDate"] == day
            assert "(Asia/Kolkata)" in row["Description"] or owner == NADIA
            assert held(own, made).due_at == late


def test_where_people_move_the_day_the_hour_stays(own: Sandbox) -> None:
    made = own.connector().create_task(task())
    own.edit("tasks", made, {"set": {"ActivityDate": "2026-12-18"}})
    assert held(own, made).due_at == DUE.replace(day=18)
    own.edit("tasks", made, {"set": {"Description": "Mine now"}})
    assert held(own, made).due_at == DUE.replace(day=18, hour=17)
    own.edit("tasks", made, {"set": {"ActivityDate": None}})
    assert held(own, made).due_at is None


def test_a_due_line_is_written_and_read_the_same() -> None:
    for moment in (DUE, datetime(2026, 7, 1, 0, 0, 30, tzinfo=UTC)):
        for zone in ("Europe/Paris", "America/New_York", "Etc/GMT+5", "Nowhere/At_all"):
            text = due.with_line("Text\n\nmore", due.line(moment, zone))
            assert due.without_line(text) == "Text\n\nmore"
            assert due.moment_of(text, due.day_in(moment, zone)) == moment
            assert due.with_line(text, due.line_of(text)) == text
    # Without a day, which would be another one as soon as somebody moves the task.
    assert due.with_line("", due.line(DUE, "UTC")) == "Due at 17:00 (UTC)"
    assert due.moment_of("", date(2026, 12, 14)) == DUE
    assert due.moment_of("", None) is None
    # What is no hour is a line like any other.
    assert due.moment_of("Due at 25:00 (UTC)", date(2026, 12, 14)) == DUE


def test_a_due_line_with_a_day_as_it_was_once_written_is_read_and_replaced() -> None:
    was = "Text\nDue 2026-12-14 09:30 (Europe/Paris)"
    moment = datetime(2026, 12, 18, 8, 30, tzinfo=UTC)
    assert due.without_line(was) == "Text"
    assert due.moment_of(was, date(2026, 12, 18)) == moment
    assert (
        due.with_line(was, due.line(moment, "Europe/Paris")) == "Text\nDue at 09:30 (Europe/Paris)"
    )


def test_long_texts_lose_their_end_and_neither_key_nor_hour(org_with_key: Sandbox) -> None:
    connector = org_with_key.connector()
    long = task(title="T" * 300, description="D" * 40_000)
    made = connector.create_task(long)
    assert connector.find_task(long.key) == [made]
    found = held(org_with_key, made)
    assert found.title.startswith("TTTT")
    assert (found.key, found.due_at) == (long.key, DUE)
    connector.update_task(made, long, ["description"])
    assert held(org_with_key, made).due_at == DUE


def test_a_task_is_completed_once_and_reopened_once(own: Sandbox) -> None:
    connector = own.connector()
    made = connector.create_task(task())
    connector.reopen_task(made)
    connector.complete_task(made)
    connector.complete_task(made)
    assert own.methods()["Task.update"] == 1
    found = held(own, made)
    assert found.status is TaskStatus.DONE
    assert found.closed_at is not None
    connector.reopen_task(made)
    assert held(own, made).status is TaskStatus.OPEN


@pytest.mark.parametrize(
    ("status", "means"),
    [
        ("In Progress", TaskStatus.IN_PROGRESS),
        ("Waiting on someone else", TaskStatus.IN_PROGRESS),
        ("Deferred", TaskStatus.DEFERRED),
        ("Completed", TaskStatus.DONE),
    ],
)
def test_statuses_come_back(own: Sandbox, status: str, means: TaskStatus) -> None:
    made = own.connector().create_task(task())
    own.edit("tasks", made, {"set": {"Status": status}})
    assert held(own, made).status is means


def test_a_task_is_tied_to_its_deal_or_else_to_its_lead(own: Sandbox) -> None:
    connector = own.connector()
    deal, lead = next(iter(own.truth("deals"))), next(iter(own.truth("leads")))
    both = connector.create_task(task(key="both", bind_deals=[deal], bind_leads=[lead]))
    only = connector.create_task(task(key="lead", bind_leads=[lead]))
    rows = {row["Id"]: row for row in own.query("SELECT Id, WhoId, WhatId FROM Task")}
    assert (rows[both]["WhatId"], rows[both]["WhoId"]) == (deal, None)
    assert (rows[only]["WhatId"], rows[only]["WhoId"]) == (None, lead)


def test_an_archived_task_is_still_held(own: Sandbox) -> None:
    connector = own.connector()
    made = connector.create_task(task(due_at=datetime(2025, 1, 10, tzinfo=UTC)))
    connector.complete_task(made)
    assert made not in {row["Id"] for row in own.query("SELECT Id FROM Task")}
    assert held(own, made).status is TaskStatus.DONE
    assert connector.find_task(task().key) == [made]
    assert connector.presence(Stream.TASKS, [made]) == {made: Presence.PRESENT}


def test_a_deleted_task_is_gone_and_deleting_it_again_is_no_error(own: Sandbox) -> None:
    connector = own.connector()
    made = connector.create_task(task())
    connector.delete_task(made)
    connector.delete_task(made)
    assert everything(connector, Stream.TASKS) == []
    assert connector.find_task(task().key) == []
    assert connector.presence(Stream.TASKS, [made]) == {made: Presence.DELETED}
    with pytest.raises(NotFound):
        connector.complete_task(made)


@pytest.mark.parametrize("owner", [GONE, "005Qy0000000999AAA"])
def test_an_owner_who_cannot_have_it_is_refused(own: Sandbox, owner: str) -> None:
    with pytest.raises(Rejected):
        own.connector().create_task(task(owner=owner))
    assert own.truth("tasks") == {}


def test_tasks_that_changed_are_read_alone() -> None:
    start = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    with sandbox(records=4, start_at=start, frozen=True) as own:
        connector = own.connector()
        first = connector.create_task(task())
        own.at("2026-11-23T09:00:00+00:00")
        second = connector.create_task(task(key="second"))
        window = Window(datetime(2026, 11, 23, 8, 30, tzinfo=UTC))
        assert [one.id for one in everything(connector, Stream.TASKS, window)] == [second]
        page = connector.by_ids(Stream.TASKS, [first, second, "00TQy0000000zzzAAA"])
        assert {one.id for one in page.records} == {first, second}


def test_a_write_that_may_be_repeated_gets_over_a_fault(own: Sandbox) -> None:
    connector = own.connector()
    made = connector.create_task(task())
    for fault in ("503", "timeout_before", "timeout_after"):
        own.faults({"on": {"method": "task.update", "nth": 1}, "do": fault})
        connector.update_task(made, task(title=f"After {fault}"), ["title"])
        assert held(own, made).title == f"After {fault}"
    own.faults({"on": {"method": "task.update"}, "do": "503"})
    with pytest.raises(Unavailable):
        connector.update_task(made, task(), ["title"])


def test_many_keys_are_looked_for_in_one_query(org_with_key: Sandbox) -> None:
    connector = org_with_key.connector()
    keys = ("D-1:a", "D_1:a", "D-1:a b")
    made = {key: [connector.create_task(task(key=key))] for key in keys}
    before = connector.requests
    absent = ["D-1:A", "another"]
    assert connector.find_tasks([*made, *absent]) == {**made, **{key: [] for key in absent}}
    assert connector.requests - before == 1


def test_more_keys_than_an_address_has_room_for_take_several_queries(
    org_with_key: Sandbox,
) -> None:
    connector = org_with_key.connector()
    made = {"D-1": [connector.create_task(task(key="D-1"))]}
    absent = [f"{number:03}:{'é' * 40}" for number in range(90)]
    before = connector.requests
    assert connector.find_tasks([*absent, *made]) == {**{key: [] for key in absent}, **made}
    assert 1 < connector.requests - before < 10
