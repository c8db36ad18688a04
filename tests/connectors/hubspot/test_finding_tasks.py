"""Tasks whose create was not answered: found by their key, in a field or in a line."""

from typing import Any

import pytest

from connectors.errors import OutcomeUnknown
from connectors.models import Stream
from tests.connectors.hubspot.kit import Sandbox, sandbox
from tests.connectors.hubspot.test_tasks import task
from tests.connectors.running import everything


def test_a_lost_create_is_found_and_not_made_twice(either: Sandbox) -> None:
    connector = either.connector()
    either.faults({"on": {"method": "tasks.create", "nth": 1}, "do": "timeout_after"})
    with pytest.raises(OutcomeUnknown):
        connector.create_task(task())
    (found,) = either.connector().find_task(task().key)
    assert set(either.truth("tasks")) == {found}
    assert connector.find_task("another") == []


def test_a_create_that_did_not_reach_the_tool_finds_nothing(either: Sandbox) -> None:
    connector = either.connector()
    either.faults({"on": {"method": "tasks.create", "nth": 1}, "do": "timeout_before"})
    with pytest.raises(OutcomeUnknown):
        connector.create_task(task())
    assert connector.find_task(task().key) == []


def test_a_find_is_not_held_up_by_the_index() -> None:
    for fields in (True, False):
        with sandbox(records=20, task_fields=fields, index_seconds=3600) as own:
            connector = own.connector()
            made = connector.create_task(task())
            assert connector.find_task(task().key) == [made]


def test_a_task_by_its_line_is_looked_for_on_all_pages() -> None:
    with sandbox(records=2, task_fields=False) as own:
        for number in range(120):
            fields = {"hs_timestamp": "2026-12-01T09:00:00Z", "hs_task_subject": f"{number}"}
            own.edit("tasks", "new", {"set": fields})
        connector = own.connector()
        made = connector.create_task(task(bind_leads=[], bind_deals=[]))
        assert connector.find_task(task().key) == [made]
        assert own.methods()["tasks.list"] == 2


def test_a_task_that_the_index_shows_is_found_without_the_listing() -> None:
    with sandbox(records=2, task_fields=False, index_seconds=0) as own:
        for number in range(250):
            fields = {"hs_timestamp": "2026-12-01T09:00:00Z", "hs_task_subject": f"{number}"}
            own.edit("tasks", "new", {"set": fields})
        connector = own.connector()
        made = connector.create_task(task(bind_leads=[], bind_deals=[]))
        before = connector.requests
        assert connector.find_task(task().key) == [made]
        # Whether there is the field, what the index shows, and that it is still so.
        assert connector.requests - before <= 3
        assert "tasks.list" not in own.methods()


@pytest.mark.parametrize(
    "change", [{"delete": True}, {"set": {"hs_task_body": "Theirs"}}], ids=["deleted", "unmarked"]
)
def test_a_task_that_the_index_alone_shows_with_its_line_is_not_found(
    change: dict[str, Any],
) -> None:
    with sandbox(records=20, task_fields=False, index_seconds=60) as own:
        own.at("2026-11-23T09:00:00+00:00")
        connector = own.connector()
        made = connector.create_task(task())
        own.at("2026-11-23T10:00:00+00:00")
        assert connector.find_task(task().key) == [made]
        own.edit("tasks", made, change)
        assert connector.find_task(task().key) == []
        # The field was made since: then the index alone is asked, and proven no less.
        own.edit("properties", "tasks", {"set": {"retro_key": "unique"}})
        assert own.connector().find_task(task().key) == []


def test_a_task_from_before_the_field_is_found_by_its_line() -> None:
    with sandbox(records=20, task_fields=False, index_seconds=0) as own:
        made = own.connector().create_task(task())
        # As if the account had been given the right to it since.
        own.edit("properties", "tasks", {"set": {"retro_key": "unique"}})
        connector = own.connector()
        assert connector.find_task(task().key) == [made]
        newer = connector.create_task(task("another"))
        found = everything(connector, Stream.TASKS)
        assert {one.id for one in found} == {made, newer}
        assert "tasks.list" not in own.methods()
        # Its words are written anew without the line, so the key moves to the field.
        connector.update_task(made, task(description="Autre texte"), ["description"])
        assert connector.find_task(task().key) == [made]
        assert {one.id for one in everything(own.connector(), Stream.TASKS)} == {made, newer}


def test_a_twin_is_refused_by_the_field_and_taken_for_the_first(own: Sandbox) -> None:
    made = own.connector().create_task(task())
    assert own.connector().create_task(task()) == made
    assert len(own.truth("tasks")) == 1
