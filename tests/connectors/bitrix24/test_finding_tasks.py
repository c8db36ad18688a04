"""A task is found again by our key, and a foreign one is never taken for it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.errors import (
    Unavailable,
)
from connectors.port import Partition, Window
from tests.connectors.bitrix24.kit import (
    Call,
    Script,
    batched,
    sandbox,
)
from tests.connectors.bitrix24.test_tasks import task


def rows(*found: Mapping[str, Any]) -> dict[str, Any]:
    return {"tasks": [{"id": "1", "title": "x", "status": "2", **row} for row in found]}


@pytest.mark.quirk(29)
def test_a_filter_that_is_ignored_adopts_no_foreign_task() -> None:
    foreign = rows({"id": "8", "ufRetroKey": "other"}, {"id": "9", "xmlId": "foreign"})
    script = Script(lambda call: batched(dict.fromkeys(call.commands, foreign)))
    assert script.connector().find_task("D-1") == []


@pytest.mark.quirk(29)
def test_an_unstamped_task_is_found_by_documented_filters_alone() -> None:
    def answer(call: Call) -> Mapping[str, Any]:
        if "stamp0" in call.commands:
            refused = {"error": "INVALID_ARG_VALUE", "error_description": "x"}
            return batched({}, {"stamp0": refused, "xml0": refused})
        ours = "filter[CREATED_BY]=1" in call.commands["c00"]
        return batched({"c00": rows({"id": "8", "xmlId": "D-1"}) if ours else rows()})

    script = Script(answer)
    connector = script.connector()
    assert connector.find_tasks(["D-1"], datetime(2026, 7, 21, tzinfo=UTC)) == {"D-1": ["8"]}
    assert "filter[%3E%3DCREATED_DATE]=2026-07-21T" in script.calls[-1].commands["c00"]
    assert connector.find_task("D-1") == ["8"]
    assert "CREATED_DATE]=" not in script.calls[-1].commands["c00"]


def test_a_search_that_fails_is_no_proof_of_absence() -> None:
    failed = {"error": "INTERNAL_SERVER_ERROR", "error_description": "x"}
    script = Script(lambda _: batched({"xml0": rows()}, {"stamp0": failed}))
    with pytest.raises(Unavailable):
        script.connector().find_task("D-1")


@pytest.mark.quirk(29)
@pytest.mark.parametrize("task_filters", ["documented", "any"])
def test_two_tasks_with_one_key_are_both_told(task_filters: str) -> None:
    """Also where one of them is on the first page of a listing whose filter was ignored."""
    with sandbox(seed=11, records=20, task_filters=task_filters) as portal:
        connector = portal.connector()

        def add(key: str) -> str:
            fields = {"TITLE": "x", "RESPONSIBLE_ID": 7, "XML_ID": key}
            return str(portal.call("tasks.task.add", {"fields": fields})["task"]["id"])

        first = add("D-1")
        for number in range(60):
            add(f"other-{number}")
        assert connector.find_task("D-1") == [first]
        second = add("D-1")
        assert connector.find_task("D-1") == [first, second]


@pytest.mark.quirk(29)
@pytest.mark.parametrize("task_filters", ["documented", "any"])
def test_a_stamped_task_is_found_whatever_the_portal_filters_by(task_filters: str) -> None:
    with sandbox(seed=11, records=20, task_filters=task_filters) as portal:
        connector = portal.connector()
        made = connector.create_task(task())
        assert connector.find_task(task().key) == [made]
        connector.stamp_task(made, task())
        assert connector.find_task(task().key) == [made]
        assert connector.find_task("another") == []


def test_without_an_administrator_xml_id_and_tag_are_the_stamp() -> None:
    with sandbox(records=20, user_id=7) as portal:
        connector = portal.connector()
        task_id = connector.create_task(task())
        connector.stamp_task(task_id, task())
        assert connector.find_task(task().key) == [task_id]
        (page,) = connector.tasks(Window(), Partition())
        assert [(one.id, one.key) for one in page.records] == [(task_id, task().key)]


@pytest.mark.parametrize("task_filters", ["documented", "any"])
def test_many_keys_are_looked_for_together(task_filters: str) -> None:
    """Stamped and not yet stamped ones, a twin, and more keys than a request takes."""
    with sandbox(seed=11, records=20, task_filters=task_filters) as portal:
        connector = portal.connector()
        made = {key: [connector.create_task(task(key=key))] for key in ("D-1", "D-10", "D-2")}
        connector.stamp_task(made["D-2"][0], task(key="D-2"))
        twin = {"TITLE": "x", "RESPONSIBLE_ID": 7, "XML_ID": "D-10", "TAGS": ["retro-roi"]}
        made["D-10"].append(str(portal.call("tasks.task.add", {"fields": twin})["task"]["id"]))
        absent = [f"another-{number}" for number in range(30)]
        before = connector.requests
        found = connector.find_tasks([*absent, *made])
        # Two searches of 50 commands, and two listings.
        assert connector.requests - before <= 5
        assert found == {**{key: [] for key in absent}, **made}
