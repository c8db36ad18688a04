"""Every request of this connector is as HubSpot's interface description has it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from connectors.models import Stream
from connectors.port import Window, readable_streams
from tests.connectors.hubspot.described import LEFT_OUT, described
from tests.connectors.hubspot.kit import Sandbox, sandbox
from tests.connectors.hubspot.test_access import app_of
from tests.connectors.hubspot.test_tasks import target, task
from tests.connectors.openapi import Documents, needed
from tests.connectors.running import everything

DELTA = Window(datetime(2020, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def documents() -> Documents:
    return needed(described())


@pytest.fixture(scope="module", params=[True, False], ids=["field", "line"])
def used(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """An account after everything that the connector can do."""
    with sandbox(records=130, task_fields=request.param, index_seconds=0) as running:
        connector = running.connector(
            goal_template={"click_rate": "70000000001"},
            fields={"seats": "retro_seats"},
            campaign_days=3,
        )
        connector.check()
        made = connector.create_task(task())
        for stream in readable_streams(connector):
            for window in (Window(), DELTA):
                ids = [record.id for record in everything(connector, stream, window)]
                connector.presence(stream, ids[:3])
                if stream not in (Stream.PEOPLE, Stream.PIPELINES):
                    connector.by_ids(stream, ids[:3])
            connector.fields(stream)
        connector.update_task(made, task(title="Other"))
        connector.complete_task(made)
        connector.reopen_task(made)
        connector.find_task(task().key)
        connector.find_task("another")
        connector.delete_task(made)
        for kind in (connector, running.connector()):
            kind.prepare_targets()
            remote = kind.create_target(target())
            kind.find_target(target().key)
            kind.check_target(remote, target())
            kind.update_target(remote, target(moved_from=target().recheck_on))
            kind.update_target(remote, target(actual=0.5, outcome="missed"))
        app_of(running)[0].check()
        yield running


def test_every_request_is_as_described(used: Sandbox, documents: Documents) -> None:
    assert {fault for each in used.seen.requests for fault in documents.faults(each)} == set()
    found = [documents.find(each) for each in used.seen.requests]
    # As many kinds of call as there are in the connector.
    assert len({one.name for one in found if one is not None}) >= 30


def test_what_the_documents_leave_out_is_sent_and_still_left_out(
    used: Sandbox, documents: Documents
) -> None:
    assert documents.excused(used.seen.requests) == LEFT_OUT.keys()


@pytest.mark.parametrize(
    ("verb", "path", "body", "told"),
    [
        ("GET", "/crm/objects/2026-03/deals?limit=100&propertys=a", None, "'propertys'"),
        ("GET", "/crm/objects/2026-03/deals?limit=all", None, "limit"),
        ("GET", "/crm/objects/2026-09/deals", None, "in no document"),
        ("POST", "/crm/objects/2026-03/deals/search", {"filterGroups": []}, "required"),
        (
            "POST",
            "/crm/objects/2026-03/tasks",
            {"properties": {}, "associations": [], "idempotencyKey": "x"},
            "body.idempotencyKey",
        ),
        ("PATCH", "/crm/objects/2026-03/tasks/8", {"properties": {"a": 1}}, "string"),
    ],
)
def test_a_planted_fault_is_found(
    documents: Documents, verb: str, path: str, body: object, told: str
) -> None:
    request = httpx.Request(verb, f"http://127.0.0.1:9{path}", json=body)
    if body is None:
        request = httpx.Request(verb, f"http://127.0.0.1:9{path}")
    assert told in " ".join(documents.faults(request))


def test_a_wrong_parameter_in_the_connector_is_found(own: Sandbox, documents: Documents) -> None:
    """As if a parameter had been misspelt: the sandbox refuses it, and so do the documents."""
    connector = own.connector()
    answer = own.call("GET", "/crm/objects/2026-03/deals", params={"propertys": "amount"})
    assert answer.status_code == 400
    connector.check()
    asked = own.seen.requests[-1]
    wrong = httpx.Request("GET", asked.url.copy_merge_params({"propertys": "amount"}))
    assert documents.faults(asked) == []
    assert "not declared" in " ".join(documents.faults(wrong))
