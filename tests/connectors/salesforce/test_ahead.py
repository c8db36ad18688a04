"""Reads of several streams that follow each other begin with what was asked in two requests."""

from datetime import UTC, datetime

import pytest

from connectors.errors import BadResponse, ConnectorError, Unavailable
from connectors.http import Answer
from connectors.models import Stream
from connectors.port import Partition, Window, read
from connectors.salesforce.ahead import Ahead
from tests.connectors.running import everything
from tests.connectors.salesforce.kit import Sandbox, plain, sandbox
from tests.connectors.salesforce.test_tasks import task

EVER = Window(datetime(2020, 1, 1, tzinfo=UTC))
NOTHING = Window(datetime(2040, 1, 1, tzinfo=UTC))
STREAMS = (
    *(Stream.PEOPLE, Stream.PIPELINES, Stream.LEADS, Stream.DEALS),
    *(Stream.STAGE_CHANGES, Stream.TASKS, Stream.CAMPAIGN_STATS),
)


def test_what_was_asked_ahead_is_what_is_read_without() -> None:
    with sandbox(records=50, page_rows=20) as own:
        own.connector().create_task(task())
        ahead = own.connector()
        ahead.read_ahead(dict.fromkeys(STREAMS, EVER))
        for stream in STREAMS:
            expected = {one.id: plain(one) for one in everything(own.connector(), stream, EVER)}
            found = everything(ahead, stream, EVER)
            assert {one.id: plain(one) for one in found} == expected
            assert len(found) == len(expected) > 0


def test_streams_without_change_cost_two_requests_together(own: Sandbox) -> None:
    connector = own.connector()
    connector.read_ahead(dict.fromkeys(STREAMS, NOTHING))
    before = own.methods()
    told = 0
    for stream in (Stream.PEOPLE, Stream.LEADS, Stream.DEALS, Stream.STAGE_CHANGES, Stream.TASKS):
        for page in read(connector, stream, NOTHING, Partition()):
            assert page.records == []
            assert page.remote_now is not None
            told += page.requests
    after = own.methods()
    assert after["composite"] == 2
    # Nothing more than the stages by which moves are read.
    assert after.get("query", 0) - before.get("query", 0) <= 1
    assert told == connector.requests


def test_an_object_that_is_hidden_keeps_no_other_from_being_read() -> None:
    with sandbox(records=10, without=frozenset({"Campaign", "CampaignMember"})) as own:
        connector = own.connector(campaigns=False)
        connector.read_ahead(dict.fromkeys(STREAMS, EVER))
        assert len(everything(connector, Stream.DEALS, EVER)) == 10
        assert own.methods()["composite"] == 2


@pytest.mark.parametrize(
    ("fault", "error"), [("503", Unavailable), ("html", Unavailable), ("wrong_json", BadResponse)]
)
def test_what_cannot_be_asked_ahead_is_asked_alone(
    own: Sandbox, fault: str, error: type[ConnectorError]
) -> None:
    """The caller goes on without."""
    connector = own.connector()
    own.faults({"on": {"method": "composite"}, "do": fault})
    with pytest.raises(error):
        connector.read_ahead(dict.fromkeys(STREAMS, EVER))
    assert len(everything(connector, Stream.DEALS, EVER)) == 20


def test_an_answer_is_taken_once_and_while_it_is_fresh() -> None:
    now = [100.0]
    ahead = Ahead(clock=lambda: now[0])
    answers = {"a": Answer(b"1", {}), "b": Answer(b"2", {})}
    ahead.keep(answers)
    assert ahead.take("a") is answers["a"]
    assert ahead.take("a") is None
    now[0] += 5.0
    assert ahead.take("b") is None


def test_what_is_kept_later_leaves_what_is_still_fresh() -> None:
    now = [100.0]
    ahead = Ahead(clock=lambda: now[0])
    answers = {name: Answer(name.encode(), {}) for name in "abc"}
    ahead.keep({"a": answers["a"], "b": answers["b"]})
    now[0] += 3.0
    ahead.keep({"c": answers["c"]})
    assert ahead.take("a") is answers["a"]
    now[0] += 3.0
    assert ahead.take("b") is None
    assert ahead.take("c") is answers["c"]


def test_the_leads_of_a_page_come_with_the_next_one() -> None:
    """Five pages: the first and the leads of the last are asked for alone."""
    with sandbox(records=100, page_rows=20) as own:
        connector = own.connector()
        assert len(everything(connector, Stream.DEALS)) == 100
        methods = own.methods()
        found = {one.id: plain(one)["lead"] for one in everything(connector, Stream.DEALS)}
        truth = own.truth("deals")
    assert methods["composite"] == 4
    assert "query_more" not in methods
    assert found == {id_: one["lead"] for id_, one in truth.items()}
    assert any(found.values())


def test_pages_that_no_composite_call_brings_are_read_alone() -> None:
    with sandbox(records=100, page_rows=20) as own:
        own.faults({"on": {"method": "composite"}, "do": "wrong_json"})
        assert len(everything(own.connector(), Stream.DEALS)) == 100
        assert own.methods()["query_more"] == 4
