"""Writing to a real server: tasks, comments and KPI targets, and what it refuses."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import httpx
import msgspec
import pytest

from connectors.errors import (
    AuthFailed,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.models import KpiTarget, RemoteTask, Stream, Task, TaskStatus
from connectors.port import Partition, Presence, Window
from connectors.rehearsal import FIRST_ID, Rehearsal
from connectors.tryton.connector import Tryton
from connectors.tryton.wire import moment
from tests.connectors.hands import Hands
from tests.connectors.tryton.server import Server

pytestmark = pytest.mark.real
DUE = datetime(2026, 12, 14, 17, 0, tzinfo=UTC)


def task(key: str, **more: Any) -> Task:
    values = {"title": "Relance", "description": "Parce que\nle taux baisse", "owner": "1"}
    return Task(key=key, due_at=DUE, **{**values, **more})


def held(connector: Tryton, remote_id: str) -> RemoteTask:
    (found,) = connector.by_ids(Stream.TASKS, [remote_id]).records
    assert isinstance(found, RemoteTask)
    return found


def listed(connector: Tryton) -> dict[str, RemoteTask]:
    pages = connector.tasks(Window(), Partition())
    return {one.id: one for page in pages for one in page.records}


def test_a_task_is_made_found_and_read_back(tryton: Server) -> None:
    connector = tryton.connector(project="1")
    made = connector.create_task(task("D-1:designer"))
    connector.stamp_task(made, task("D-1:designer"))
    assert connector.find_task("D-1:designer") == [made]
    found = listed(connector)[made]
    assert found.updated_at is not None
    assert msgspec.structs.replace(found, updated_at=None, created_at=None) == RemoteTask(
        id=made,
        title="Relance",
        description="Parce que\nle taux baisse",
        status=TaskStatus.OPEN,
        owner="1",
        due_at=DUE,
        key="D-1:designer",
    )
    (row,) = tryton.read("project.work", [["id", "=", int(made)]], ["parent.name"])
    assert row["parent."]["name"] == "Retro"


def test_keys_that_a_pattern_takes_for_one_are_told_apart(tryton: Server) -> None:
    connector = tryton.connector()
    keys = ("D_2:a", "DX2:a", "X-D_2:a", r"D%\2:a")
    made = {key: connector.create_task(task(key)) for key in keys}
    assert {key: connector.find_task(key) for key in keys} == {k: [id_] for k, id_ in made.items()}
    assert connector.find_task("2:a") == []


def test_only_the_fields_that_are_named_are_written(tryton: Server) -> None:
    connector = tryton.connector()
    made = connector.create_task(task("D-3"))
    new = task("D-3", title="Autre", description="Autre texte", owner="2")
    connector.update_task(made, new, ["title"])
    assert (held(connector, made).title, held(connector, made).owner) == ("Autre", "1")
    connector.update_task(made, new, ["owner", "description"])
    found = held(connector, made)
    assert (found.owner, found.description, found.key) == ("2", "Autre texte", "D-3")
    (row,) = tryton.read("project.work", [["id", "=", int(made)]], ["allocations"])
    assert len(row["allocations"]) == 1


def test_people_who_help_keep_their_allocation(tryton: Server) -> None:
    connector = tryton.connector()
    made = connector.create_task(task("D-4"))
    helps = [["create", [{"employee": 2, "percentage": 50.0}]]]
    tryton.admin("project.work.write", [int(made)], {"allocations": helps})
    connector.update_task(made, task("D-4", owner="2"), ["owner"])
    (row,) = tryton.read("project.work", [["id", "=", int(made)]], ["allocations.percentage"])
    assert sorted(one["percentage"] for one in row["allocations."]) == [50.0, 100.0]


def test_who_is_allocated_anew_is_a_change_of_the_task(tryton: Server) -> None:
    connector = tryton.connector()
    made = connector.create_task(task("D-5"))
    before = held(connector, made).updated_at
    (row,) = tryton.read("project.work", [["id", "=", int(made)]], ["allocations"])
    tryton.admin("project.allocation.write", row["allocations"], {"employee": 2})
    pages = connector.tasks(Window(before), Partition())
    found = {one.id: one for page in pages for one in page.records}[made]
    assert found.owner == "2"
    assert found.updated_at is not None
    assert before is not None
    assert found.updated_at > before


def test_a_task_is_completed_and_reopened_once(tryton: Server) -> None:
    connector = tryton.connector()
    made = connector.create_task(task("D-6"))
    for move, status in (
        (connector.complete_task, TaskStatus.DONE),
        (connector.reopen_task, TaskStatus.OPEN),
    ):
        move(made)
        first = held(connector, made)
        assert first.status is status
        move(made)
        assert held(connector, made).updated_at == first.updated_at


def test_a_task_that_has_begun_is_in_progress(tryton: Server) -> None:
    connector = tryton.connector()
    made = connector.create_task(task("D-7"))
    tryton.admin("project.work.write", [int(made)], {"progress": 0.5})
    assert held(connector, made).status is TaskStatus.IN_PROGRESS


def test_a_stamp_that_people_removed_comes_back(tryton: Server) -> None:
    connector = tryton.connector()
    made = connector.create_task(task("D-8"))
    tryton.admin("project.work.write", [int(made)], {"comment": "Leur texte"})
    assert made not in listed(connector)
    assert held(connector, made).key is None
    other = tryton.connector()
    other.stamp_task(made, task("D-8"))
    found = listed(other)[made]
    assert (found.key, found.description) == ("D-8", "Leur texte")


def test_a_task_is_deleted_with_its_allocations_first(tryton: Server) -> None:
    """The server would never answer otherwise."""
    connector = tryton.connector()
    made = connector.create_task(task("D-9"))
    connector.delete_task(made)
    connector.delete_task(made)
    assert connector.presence(Stream.TASKS, [made]) == {made: Presence.DELETED}
    with pytest.raises(NotFound, match="not in Tryton"):
        connector.complete_task(made)
    with pytest.raises(NotFound, match="not in Tryton"):
        connector.find_comment(made, "reminder")
    with pytest.raises(NotFound):
        connector.update_task(made, task("D-9"), ["title"])


def test_a_comment_is_found_by_its_marker(tryton: Server) -> None:
    connector = tryton.connector()
    made = connector.create_task(task("D-10"))
    assert connector.find_comment(made, "reminder_1") is None
    note = connector.comment_task(made, "Échéance demain", "reminder_1")
    assert connector.find_comment(made, "reminder_1") == note
    assert connector.find_comment(made, "reminder-1") is None


def planned(decision: str) -> KpiTarget:
    return KpiTarget(
        key=f"{decision}:target",
        title="Taux de clic",
        kpi="click_rate",
        unit="ratio",
        decision=decision,
        baseline=0.024995,
        target=0.028744,
        starts_on=date(2026, 12, 15),
        recheck_on=date(2027, 1, 15),
    )


def test_a_target_is_a_task_with_its_figures(tryton: Server) -> None:
    target = planned("D-11")
    connector = tryton.connector()
    connector.prepare_targets()
    made = connector.create_target(target)
    assert connector.find_target("D-11:target") == [made]
    assert made not in listed(connector)
    connector.check_target(made, target)
    with pytest.raises(Rejected, match="planned figures"):
        connector.check_target(made, msgspec.structs.replace(target, target=0.03))
    ended = msgspec.structs.replace(target, actual=0.03, outcome="met")
    row = tryton.read("project.work", [["id", "=", int(made)]], ["comment"])[0]
    noted = row["comment"].replace("Target: 0.028744", "Target: 0.028744\nSee you on Monday")
    tryton.admin("project.work.write", [int(made)], {"comment": noted})
    for actual in (0.029, 0.03):
        connector.update_target(made, msgspec.structs.replace(ended, actual=actual, outcome=None))
    connector.update_target(made, ended)
    (kept,) = tryton.read("project.work", [["id", "=", int(made)]], ["comment"])
    # What people wrote stays; what was told of the outcome before does not.
    assert kept["comment"].splitlines() == [
        *noted.splitlines()[:-2],
        "Actual: 0.03",
        "Outcome: met",
        *noted.splitlines()[-2:],
    ]
    found = held(connector, made)
    assert found.status is TaskStatus.DONE
    assert found.description is not None
    assert "Actual: 0.03\nOutcome: met" in found.description


def test_the_due_day_of_a_target_moves_unless_people_moved_it(tryton: Server) -> None:
    connector, target = tryton.connector(), planned("D-16")
    before, after, theirs = (
        date(2027, 1, 15),
        date(2027, 1, 9),
        datetime(2027, 2, 1, 9, 30, tzinfo=UTC),
    )
    made = connector.create_target(target)
    first = held(connector, made)
    move = msgspec.structs.replace(target, moved_from=before, recheck_on=after)
    assert [connector.update_target(made, move) for _ in range(2)] == [before, after]
    moved = held(connector, made)
    assert moved.due_at == datetime(2027, 1, 9, 17, tzinfo=UTC)
    same = {"due_at": first.due_at, "updated_at": first.updated_at}
    assert msgspec.structs.replace(moved, **same) == first
    tryton.admin("project.work.write", [int(made)], {"constraint_finish_time": moment(theirs)})
    again = msgspec.structs.replace(move, moved_from=after, recheck_on=date(2027, 1, 20))
    assert connector.update_target(made, again) == date(2027, 2, 1)
    assert held(connector, made).due_at == theirs


def test_many_creates_at_once_are_all_made(tryton: Server) -> None:
    """SQLite cannot lock the sequence of numbers: who comes second is refused, and asks again.
    The pauses between are left out here, so that a run that waits in the queue is played too."""
    keys = [f"D-12:{number}" for number in range(8)]

    def create(key: str) -> str:
        while True:
            with suppress(RateLimited):
                return tryton.connector().create_task(task(key))

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(create, keys))
    assert len(set(made)) == len(keys)
    connector = tryton.connector()
    assert [connector.find_task(key) for key in keys] == [[one] for one in made]


def test_a_task_without_a_title_is_refused_with_the_reason(tryton: Server) -> None:
    with pytest.raises(Rejected, match='value is required for field "Name"'):
        tryton.connector().create_task(task("D-13", title=""))
    assert tryton.connector().find_task("D-13") == []


def test_a_create_whose_answer_is_lost_is_found_by_its_key(tryton: Server) -> None:
    class Lossy(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            if request.url.path.endswith("/project.work"):
                answer.close()
                raise httpx.ReadError("cut")
            return answer

    with pytest.raises(OutcomeUnknown):
        tryton.connector(Lossy()).create_task(task("D-14"))
    assert len(tryton.connector().find_task("D-14")) == 1


def test_a_dry_run_writes_nothing(tryton: Server) -> None:
    before = len(tryton.read("project.work", [], ["id"]))
    plain = tryton.connector()
    stand_in = plain.rehearsal()
    wire = Rehearsal(httpx.HTTPTransport(), stand_in, lambda: None)
    connector = tryton.connector(wire)
    made = connector.create_task(task("D-15"))
    connector.stamp_task(made, task("D-15"))
    connector.comment_task(made, "x", "m")
    connector.update_task(made, task("D-15", owner="2"))
    connector.complete_task(made)
    connector.delete_task(made)
    assert int(made) >= FIRST_ID
    assert [call.method for call in wire.calls if call.writes] == [
        "POST project.work",
        "POST ir.note",
        *([f"POST project.work/{made}/write"] * 2),
        f"DELETE project.work/{made}",
    ]
    assert len(tryton.read("project.work", [], ["id"])) == before


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"key": "0" * 128}, AuthFailed, "does not accept the key"),
        ({"database": "other"}, NotPermitted, "has no database other"),
        ({"company": 7}, NotPermitted, "may not work in the company 7"),
        ({"project": "X9"}, NotPermitted, "no project with the number X9"),
    ],
)
def test_the_check_says_what_is_wrong(
    tryton: Server, settings: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        tryton.connector(**settings).check()


def test_a_key_without_rights_is_told_which(tryton: Server) -> None:
    values = {"name": "Nobody", "login": "nobody", "companies": [["add", [1]]], "company": 1}
    (user,) = tryton.admin("res.user.create", [values])
    made = tryton.admin("res.user.application.create", [{"user": user, "application": "rest"}])
    (row,) = tryton.admin("res.user.application.read", made, ["key"])
    with pytest.raises(
        NotPermitted, match=r"rights: read sale\.opportunity, create project\.work"
    ) as told:
        tryton.connector(key=row["key"]).check()
    assert "Sales" in told.value.next_step
    assert row["key"] not in str(told.value)


def test_a_server_that_is_not_there_is_said_not_to_answer() -> None:
    config = Tryton.Config(server="http://127.0.0.1:9", database="retro", key="abc")
    with pytest.raises(Unavailable, match="does not answer: nothing listens"):
        Tryton(config, Hands().wire()).check()


def test_many_keys_are_looked_for_in_one_search(tryton: Server) -> None:
    connector = tryton.connector()
    keys = ("D-20", "D-201", "D_20")
    made = {key: [connector.create_task(task(key=key))] for key in keys}
    before = connector.requests
    assert connector.find_tasks([*made, "another"]) == {**made, "another": []}
    assert connector.requests - before == 1
    many = [f"another-{number}" for number in range(60)]
    assert connector.find_tasks([*many, *made]) == {**{key: [] for key in many}, **made}
