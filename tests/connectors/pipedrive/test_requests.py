"""Every request of this connector is as Pipedrive's interface description has it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from connectors.models import Stream
from connectors.pipedrive.connector import Pipedrive
from connectors.pipedrive.portal.build import CUSTOM
from connectors.pipedrive.portal.gateway import VERSIONS
from connectors.port import Window, readable_streams
from tests.connectors.openapi import Documents, needed
from tests.connectors.pipedrive.described import LEFT_OUT, described
from tests.connectors.pipedrive.kit import sandbox
from tests.connectors.pipedrive.test_access import app_of
from tests.connectors.pipedrive.test_targets import GOALS, goal, target
from tests.connectors.pipedrive.test_tasks import task
from tests.connectors.running import everything

DELTA = Window(datetime(2020, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def documents() -> Documents:
    return needed(described())


@pytest.fixture(scope="module")
def sent(documents: Documents) -> Iterator[list[httpx.Request]]:
    """Whatever the connector sends, in a company that it does everything with."""
    with sandbox(records=40, page=10) as running:
        for history in ("latest", "all"):
            given = {"fields": {"group": CUSTOM}, "stage_history": history, "goals": GOALS}
            _everything(running.connector(**given))
        app_of(running)[0].check()
        yield running.seen.requests


def _everything(connector: Pipedrive) -> None:
    connector.check()
    made = connector.create_task(task(bind_deals=["3"]))
    for stream in readable_streams(connector):
        for window in (Window(), DELTA):
            ids = [record.id for record in everything(connector, stream, window)]
            connector.presence(stream, ids[:3])
            connector.by_ids(stream, ids[:3])
        connector.fields(stream)
    connector.create_task(task(bind_leads=[everything(connector, Stream.LEADS)[0].id], key="k-2"))
    connector.update_task(made, task(title="Other"))
    connector.complete_task(made)
    connector.reopen_task(made)
    connector.find_task(task().key)
    connector.find_tasks([task().key], DELTA.start)
    connector.delete_task(made)
    connector.prepare_targets()
    for wanted in (goal(), target()):
        remote = connector.create_target(wanted)
        connector.find_target(wanted.key)
        connector.check_target(remote, wanted)
        connector.update_target(remote, wanted)
    connector.update_target(remote, target(moved_from=target().recheck_on))


def test_every_request_is_as_described(sent: list[httpx.Request], documents: Documents) -> None:
    assert {fault for each in sent for fault in documents.faults(each)} == set()
    found = [documents.find(each) for each in sent]
    # As many kinds of call as there are in the connector.
    assert len({one.name for one in found if one is not None}) >= 22


def test_what_the_documents_leave_out_is_sent_and_still_left_out(
    sent: list[httpx.Request], documents: Documents
) -> None:
    assert documents.excused(sent) == LEFT_OUT.keys()


def test_every_call_costs_what_its_description_says(documents: Documents) -> None:
    """The price that the budget is told, by the document's own figure."""
    with sandbox(records=20) as running:
        _everything(running.connector(plan="lite", stage_history="all"))
        costs = running.hands.limiter.costs
        for request, cost in zip(running.seen.requests, costs, strict=True):
            found = documents.find(request)
            if found is not None:
                assert cost == found.operation["x-token-cost"], found.name


def test_the_sandbox_asks_the_price_and_the_right_that_are_described(documents: Documents) -> None:
    names = {"leads/{}": "leads/0dc33f5e-0000-4000-8000-000000000001"}
    checked = 0
    for prefix, (_, operations) in VERSIONS.items():
        for (verb, name), operation in operations.items():
            path = prefix + names.get(name, name).replace("{}", "7")
            found = documents.find(httpx.Request(verb, f"http://127.0.0.1:9{path}"))
            if found is None:
                continue
            checked += 1
            assert operation.cost == found.operation["x-token-cost"], found.name
            rights = [each for one in found.operation["security"] for each in one.get("oauth2", ())]
            assert operation.scope in rights, found.name
    assert checked >= 30


@pytest.mark.parametrize(
    ("verb", "path", "body", "told"),
    [
        ("GET", "v2/deals?limit=500&updated_after=2026-11-23T08:00:00Z", None, "'updated_after'"),
        ("GET", "v2/deals?limit=all", None, "limit"),
        ("GET", "v2/deals?sort_by=title", None, "sort_by"),
        ("GET", "v1/deals", None, "in no document"),
        ("GET", "v1/leads?sort=update_time%20ASC", None, "sort"),
        ("POST", "v1/goals", {"title": "x"}, "required"),
        ("POST", "v2/activities", {"subject": "x", "person": 7}, "body.person"),
        ("PATCH", "v2/activities/8", {"done": 1}, "boolean"),
        ("PUT", "v2/activities/8", {"done": True}, "in no document"),
    ],
)
def test_a_planted_fault_is_found(
    documents: Documents, verb: str, path: str, body: object, told: str
) -> None:
    url = f"http://127.0.0.1:9/api/{path}"
    request = httpx.Request(verb, url) if body is None else httpx.Request(verb, url, json=body)
    assert told in " ".join(documents.faults(request))


def test_a_wrong_parameter_in_the_connector_is_found(
    sent: list[httpx.Request], documents: Documents
) -> None:
    asked = next(each for each in sent if each.url.path.endswith("/v2/deals"))
    wrong = httpx.Request("GET", asked.url.copy_merge_params({"filter": "won"}))
    assert documents.faults(asked) == []
    assert "not declared" in " ".join(documents.faults(wrong))
