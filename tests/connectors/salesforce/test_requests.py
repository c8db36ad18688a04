"""Every request of this connector is as the interface description has it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.auth import Token
from connectors.errors import RateLimited
from connectors.models import Stream
from connectors.port import Partition, Window, read, readable_streams
from connectors.salesforce.oauth import NEVER
from connectors.salesforce.sandbox import USERNAME, secret_of
from tests.connectors.hands import Tokens
from tests.connectors.openapi import Documents, needed
from tests.connectors.running import everything
from tests.connectors.salesforce.described import LEFT_OUT, described
from tests.connectors.salesforce.kit import Sandbox, sandbox
from tests.connectors.salesforce.test_access import PEM, PUBLIC
from tests.connectors.salesforce.test_targets import QUOTAS, quota, target
from tests.connectors.salesforce.test_tasks import task

DELTA = Window(datetime(2020, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def documents() -> Documents:
    return needed(described())


@pytest.fixture(scope="module", params=["unique", "plain", "none"])
def used(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """An org after everything that the connector can do."""
    with sandbox(records=130, page_rows=60, key_field=request.param, certificate=PUBLIC) as running:
        connector = running.connector(fields={"region": "Retro_Region__c"}, quotas=QUOTAS)
        connector.check()
        made = connector.create_task(task())
        for stream in readable_streams(connector):
            for window in (Window(), DELTA):
                ids = [record.id for record in everything(connector, stream, window)]
                connector.presence(stream, ids[:3])
                if stream not in (Stream.PEOPLE, Stream.PIPELINES, Stream.CAMPAIGN_STATS):
                    connector.by_ids(stream, ids[:3])
            connector.fields(stream)
        connector.update_task(made, task(title="Other"))
        connector.complete_task(made)
        connector.reopen_task(made)
        connector.find_task(task().key)
        connector.delete_task(made)
        connector.prepare_targets()
        for planned in (target(), quota()):
            remote = connector.create_target(planned)
            connector.find_target(planned.key)
            connector.check_target(remote, planned)
            connector.update_target(remote, planned)
        for remote in connector.find_target(target().key):
            connector.update_target(remote, target(moved_from=target().recheck_on))
        _by_bulk(running)
        _by_other_sign_ins(running)
        yield running


def _by_bulk(running: Sandbox) -> None:
    source = read(running.connector(bulk_above=50), Stream.DEALS, Window(), Partition())
    position = next(source).position
    with pytest.raises(RateLimited):
        next(source)
    running.at((datetime.now(UTC) + timedelta(minutes=2)).isoformat())
    whole = read(running.connector(), Stream.DEALS, Window(), Partition(after=position))
    assert sum(len(page.records) for page in whole) == 130


def _by_other_sign_ins(running: Sandbox) -> None:
    store = Tokens(Token("expired", secret_of(running.options, "refresh"), NEVER))
    running.over(tokens=store, sign_in="consent").check()
    running.at(datetime.now(UTC).isoformat())
    running.connector(sign_in="jwt", username=USERNAME, private_key=PEM).check()


def test_every_request_is_as_described(used: Sandbox, documents: Documents) -> None:
    told = {fault for each in used.seen.requests for fault in documents.faults(each)}
    assert told == set()
    found = [documents.find(each) for each in used.seen.requests]
    # As many kinds of call as there are in the connector.
    kinds = {one.name for one in found if one is not None}
    assert len(kinds) >= 14


def test_what_the_documents_leave_out_is_sent_and_still_left_out(
    used: Sandbox, documents: Documents
) -> None:
    assert documents.excused(used.seen.requests) == LEFT_OUT.keys()


@pytest.mark.parametrize(
    ("verb", "path", "body", "told"),
    [
        ("GET", "/services/data/v67.0/query?soql=SELECT", None, "'soql'"),
        ("GET", "/services/data/v67/query?q=SELECT", None, "version"),
        ("GET", "/services/data/v67.0/sobjects", None, "in no document"),
        ("DELETE", "/services/data/v67.0/sobjects/Lead/00QQy0000000001AAA", None, "no document"),
        ("POST", "/services/data/v67.0/composite/sobjects", {"records": []}, "non-empty"),
        (
            "POST",
            "/services/data/v67.0/jobs/query",
            {"operation": "insert", "query": "SELECT"},
            "insert",
        ),
    ],
)
def test_a_planted_fault_is_found(
    documents: Documents, verb: str, path: str, body: object, told: str
) -> None:
    request = httpx.Request(verb, f"http://127.0.0.1:9{path}", json=body)
    if body is None:
        request = httpx.Request(verb, f"http://127.0.0.1:9{path}")
    assert told in " ".join(documents.faults(request))
