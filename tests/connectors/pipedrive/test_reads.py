"""What is read from the sandbox is what it holds: whole, by what changed, and while rows move."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors.errors import BadResponse
from connectors.models import Deal, Lead, LeadStatus, StageKind, Stream
from connectors.pipedrive.portal.build import CUSTOM, QUALIFIED
from connectors.port import Partition, Presence, Window, read, readable_streams
from tests.connectors.pipedrive.kit import Sandbox, Script, good, like, sandbox
from tests.connectors.running import everything, pages_of

STREAMS = [
    Stream.PEOPLE,
    Stream.PIPELINES,
    Stream.CONTACTS,
    Stream.LEADS,
    Stream.DEALS,
    Stream.STAGE_CHANGES,
    Stream.ACTIVITIES,
    Stream.TASKS,
]
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_holds_what_the_company_holds(company: Sandbox, stream: Stream) -> None:
    connector = company.connector(qualified_labels=[QUALIFIED])
    assert stream in readable_streams(connector)
    query = f"?qualified={QUALIFIED}"
    truth = company.truth(stream.value, query)
    found = {one.id: one for one in everything(connector, stream)}
    assert found.keys() == truth.keys()
    assert truth or stream is Stream.TASKS
    for key, told in truth.items():
        assert like(found[key], told) == told


def test_archived_records_are_read_and_deleted_ones_are_not(company: Sandbox) -> None:
    connector = company.connector()
    leads = [one for one in everything(connector, Stream.LEADS) if isinstance(one, Lead)]
    gone = [one for one in leads if one.status_kind is LeadStatus.DISQUALIFIED]
    assert len(gone) == 2
    assert all(one.closed_at is not None for one in gone)
    deals = {one.id for one in everything(connector, Stream.DEALS)}
    assert "20" in deals
    assert "61" not in deals


def test_a_deal_that_is_archived_is_read_as_changed() -> None:
    with sandbox(start_at=NOW, frozen=True) as company:
        company.edit("deals", "3", {"set": {"is_archived": True}})
        connector = company.connector()
        assert [one.id for one in everything(connector, Stream.DEALS, Window(NOW))] == ["3"]
        assert "3" in {one.id for one in everything(connector, Stream.DEALS)}


def test_custom_fields_come_under_our_names(company: Sandbox) -> None:
    connector = company.connector(fields={"group": CUSTOM})
    for stream in (Stream.DEALS, Stream.LEADS):
        groups = {one.extra["group"] for one in everything(connector, stream)}
        assert groups == {f"group {number}" for number in range(4)}


def test_more_custom_fields_than_can_be_named_come_all_the_same(company: Sandbox) -> None:
    others = {f"other{number}": f"{number:040x}" for number in range(15)}
    for fields in ({"group": CUSTOM}, {"group": CUSTOM, **others}):
        connector = company.connector(fields=fields)
        found = everything(connector, Stream.DEALS)
        found += connector.by_ids(Stream.DEALS, ["1"]).records
        assert {one.extra["group"] for one in found} == {f"group {number}" for number in range(4)}


def test_only_what_changed_since_comes_again_and_the_bound_is_inclusive() -> None:
    with sandbox(start_at=NOW, frozen=True) as company:
        connector = company.connector()
        window = Window(NOW)
        for stream in (Stream.DEALS, Stream.LEADS, Stream.CONTACTS, Stream.ACTIVITIES):
            assert everything(connector, stream, window) == []
        lead = next(one for one, told in company.truth("leads").items() if told["stage"] == "inbox")
        company.edit("deals", "3", {"set": {"status": "won"}})
        company.edit("leads", lead, {"set": {"title": "New title"}})
        (deal,) = everything(connector, Stream.DEALS, window)
        (changed,) = everything(connector, Stream.LEADS, window)
        assert isinstance(deal, Deal)
        assert (deal.id, deal.stage_kind, deal.closed_at) == ("3", StageKind.WON, NOW)
        assert (changed.id, changed.updated_at) == (lead, NOW)
        (page, *_) = pages_of(connector, Stream.DEALS, window)
        assert page.remote_now == NOW
        later = Window(NOW + timedelta(seconds=1))
        assert everything(connector, Stream.DEALS, later) == []


def test_a_read_goes_on_where_a_page_was_committed(company: Sandbox) -> None:
    connector = company.connector()
    for stream in (Stream.DEALS, Stream.LEADS, Stream.CONTACTS, Stream.PEOPLE):
        share = connector.partitions(stream, Window())[0]
        whole = [
            one.id for page in read(connector, stream, Window(), share) for one in page.records
        ]
        page = next(iter(read(connector, stream, Window(), share)))
        rest = Partition(share.name, page.position)
        found = [one.id for page in read(connector, stream, Window(), rest) for one in page.records]
        assert {one.id for one in page.records} | set(found) == set(whole)
    assert list(read(connector, Stream.DEALS, Window(), Partition("current", "end"))) == []


def test_a_row_in_an_unknown_shape_is_set_aside_alone() -> None:
    row = {"id": 1, "add_time": "2026-11-20T10:00:00Z", "name": "Contact 1"}
    odd = {"id": 2, "add_time": "yesterday", "name": "Contact 2"}
    script = Script(lambda _: [row, odd, row | {"id": 3}])
    (page,) = pages_of(script.connector(), Stream.CONTACTS)
    assert [one.id for one in page.records] == ["1", "3"]
    (refused,) = page.refused
    assert refused.id == "2"
    assert "add_time" in refused.reason
    assert "yesterday" in refused.raw


def test_an_empty_page_with_a_cursor_is_not_the_end() -> None:
    row = {"id": 1, "add_time": "2026-11-20T10:00:00Z"}
    answers = {None: good([], "a"), "a": good([row], "b"), "b": good(None)}
    script = Script(lambda request: answers[request.url.params.get("cursor")])
    assert [one.id for one in everything(script.connector(), Stream.CONTACTS)] == ["1"]


def test_a_cursor_that_leads_back_to_itself_ends_the_read() -> None:
    script = Script(lambda _: good([], "same"))
    with pytest.raises(BadResponse, match="back to itself"):
        everything(script.connector(), Stream.CONTACTS)


def test_rows_out_of_order_are_a_bad_answer() -> None:
    rows = [{"id": number, "add_time": "2026-11-20T10:00:00Z"} for number in (2, 1)]
    with pytest.raises(BadResponse, match="not in order"):
        everything(Script(lambda _: rows).connector(), Stream.CONTACTS)


def test_single_records_come_again_with_what_archives_hold(own: Sandbox) -> None:
    connector = own.connector()
    archived = next(k for k, one in own.truth("leads").items() if one["stage"] == "archived")
    page = connector.by_ids(Stream.LEADS, [archived, "00000000-0000-4000-8000-000000000000"])
    assert [one.id for one in page.records] == [archived]
    assert isinstance(page.records[0], Lead)
    assert page.records[0].stage == "archived"
    assert [one.id for one in connector.by_ids(Stream.DEALS, ["1", "20", "41"]).records] == [
        "1",
        "20",
    ]
    for stream in (Stream.PEOPLE, Stream.PIPELINES, Stream.STAGE_CHANGES, Stream.CONTACTS):
        wanted = sorted(own.truth(stream.value))[:2]
        found = connector.by_ids(stream, wanted).records
        assert sorted(one.id for one in found) == wanted


def test_gone_hidden_and_archived_records_are_told_apart(own: Sandbox) -> None:
    connector = own.connector()
    own.edit("deals", "2", {"hide": True})
    own.edit("deals", "5", {"delete": True})
    assert connector.presence(Stream.DEALS, ["1", "2", "5", "20", "41", "7777"]) == {
        "1": Presence.PRESENT,
        "2": Presence.HIDDEN,
        "5": Presence.DELETED,
        "20": Presence.PRESENT,
        "41": Presence.DELETED,
        "7777": Presence.DELETED,
    }
    assert "2" not in {one.id for one in everything(connector, Stream.DEALS)}
    assert connector.presence(Stream.PEOPLE, ["21", "99"]) == {
        "21": Presence.PRESENT,
        "99": Presence.DELETED,
    }
    assert set(connector.presence(Stream.STAGE_CHANGES, ["1:7:1"]).values()) == {Presence.PRESENT}


def test_very_many_deleted_deals_are_told_by_lists_of_them() -> None:
    with sandbox(records=260) as own:
        ids = [id_ for id_ in own.truth("deals") if int(id_) <= 260]
        for one in ids[:-2]:
            own.edit("deals", one, {"delete": True})
        own.edit("deals", ids[-1], {"hide": True})
        before = own.requests()
        found = own.connector().presence(Stream.DEALS, [*ids, "77777"])
        # Three lists; each archived one, and what no list shows, alone.
        assert own.requests() - before == 3 + 12 + 3
        assert {found[one] for one in ids[:-2]} == {Presence.DELETED}
        assert found[ids[-2]] is Presence.PRESENT
        assert (found[ids[-1]], found["77777"]) == (Presence.HIDDEN, Presence.DELETED)


def test_a_user_that_cannot_be_read_is_set_aside_again_and_not_gone() -> None:
    script = Script(lambda _: [{"id": 1, "name": ["odd"]}, {"id": 2, "name": "Bea"}])
    page = script.connector().by_ids(Stream.PEOPLE, ["1", "2", "3"])
    assert ([one.id for one in page.refused], [one.id for one in page.records]) == (["1"], ["2"])
    assert script.connector().presence(Stream.PEOPLE, ["1", "2", "3"]) == {
        "1": Presence.PRESENT,
        "2": Presence.PRESENT,
        "3": Presence.DELETED,
    }


def test_more_stages_than_a_page_holds_are_all_read() -> None:
    stage = {"id": 7, "pipeline_id": 1, "name": "Demo"}

    def answer(request: httpx.Request) -> Any:
        if request.url.path.endswith("pipelines"):
            return [{"id": 1, "name": "New"}]
        if "cursor" in request.url.params:
            return [stage | {"id": 8}]
        return good([stage], "more")

    (page,) = pages_of(Script(answer).connector(), Stream.PIPELINES)
    assert {"1/7", "1/8"} < {one.id for one in page.records}
    assert page.requests == 3


def test_a_list_whose_cursor_leads_back_to_itself_is_given_up() -> None:
    script = Script(lambda _: good([], "same"))
    with pytest.raises(BadResponse, match="no end"):
        everything(script.connector(), Stream.PIPELINES)
    assert len(script.calls) == 2


def test_the_fields_of_deals_can_be_discovered(company: Sandbox) -> None:
    connector = company.connector()
    custom = {one.name for one in connector.fields(Stream.LEADS)}
    assert CUSTOM in custom
    assert {"title", "value"} < {one.name for one in connector.fields(Stream.DEALS)}
    samples = {one.name: one.samples for one in connector.fields(Stream.DEALS)}
    assert 1 <= len(samples["title"]) <= 3
    assert samples[CUSTOM]
    assert connector.fields(Stream.TASKS) == ()
