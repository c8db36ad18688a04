"""Reading: everything, what changed, whatever becomes of cursors and pages, and by id."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors.errors import BadResponse
from connectors.models import StageKind, Stream
from connectors.port import Page, Partition, Presence, Window, read
from connectors.salesforce.connector import Salesforce
from connectors.salesforce.listing import in_order
from connectors.salesforce.mapping import Known, to_moves
from connectors.salesforce.rows import HistoryRow
from tests.connectors.running import everything
from tests.connectors.salesforce.kit import Rewriting, Sandbox, like, plain, sandbox

STREAMS = [
    *(Stream.PEOPLE, Stream.PIPELINES, Stream.LEADS, Stream.DEALS),
    *(Stream.STAGE_CHANGES, Stream.CAMPAIGN_STATS),
]
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
EVER = Window(datetime(2020, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("stream", STREAMS)
def test_a_full_read_holds_what_the_org_has(org: Sandbox, stream: Stream) -> None:
    found = {record.id: record for record in everything(org.connector(), stream)}
    truth = org.truth(stream.value)
    assert set(found) == set(truth)
    assert len(truth) > 2
    for id_, record in found.items():
        assert _told(like(record, truth[id_])) == _told(truth[id_])


def _told(values: dict[str, Any]) -> dict[str, Any]:
    """Money as a value, not as a text."""
    return {
        name: float(value) if name in ("amount", "spend") and value is not None else value
        for name, value in values.items()
    }


@pytest.mark.parametrize(
    "stream", [Stream.PEOPLE, Stream.LEADS, Stream.DEALS, Stream.STAGE_CHANGES]
)
def test_a_delta_over_everything_is_a_full_read(org: Sandbox, stream: Stream) -> None:
    connector = org.connector()
    assert {r.id: plain(r) for r in everything(connector, stream, EVER)} == {
        r.id: plain(r) for r in everything(connector, stream)
    }


def test_a_delta_brings_what_changed_with_its_links_and_moves() -> None:
    with sandbox(records=20, start_at=START, frozen=True) as own:
        connector = own.connector()
        lead = next(one for one in own.truth("deals").values() if one["lead"])
        own.at("2026-11-23T09:00:00+00:00")
        own.edit("deals", lead["id"], {"set": {"StageName": "Closed Won", "Amount": 12.5}})
        window = Window(START + timedelta(minutes=1))
        (changed,) = everything(connector, Stream.DEALS, window)
        truth = own.truth("deals")[lead["id"]]
        assert _told(like(changed, truth)) == _told(truth)
        assert truth["lead"] == lead["lead"]
        moves = everything(connector, Stream.STAGE_CHANGES, window)
        assert {move.id: like(move, own.truth("stage_changes")[move.id]) for move in moves} == {
            id_: one
            for id_, one in own.truth("stage_changes").items()
            if one["entity_id"] == lead["id"]
        }
        assert everything(connector, Stream.LEADS, window) == []


def pages(
    connector: Salesforce,
    stream: Stream,
    window: Window = Window(),  # noqa: B008 - frozen
    after: str = "",
) -> list[Page[Any]]:
    return list(read(connector, stream, window, Partition(after=after)))


@pytest.mark.parametrize("stream", [Stream.DEALS, Stream.STAGE_CHANGES])
def test_a_read_goes_on_where_it_stopped_without_its_cursor(stream: Stream) -> None:
    with sandbox(records=50, page_rows=20, start_at=START, frozen=True) as own:
        connector = own.connector()
        first, *_ = told = pages(connector, stream)
        assert len(told) > 2
        # By then the cursor is gone.
        own.at("2026-11-26T09:00:00+00:00")
        rest = pages(own.connector(), stream, after=first.position)
        ids = [record.id for page in (first, *rest) for record in page.records]
        assert sorted(ids) == sorted(own.truth(stream.value))
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("stream", [Stream.DEALS, Stream.STAGE_CHANGES])
def test_a_cursor_that_is_lost_amid_a_read_costs_nothing(stream: Stream) -> None:
    with sandbox(records=50, page_rows=20, start_at=START, frozen=True) as own:
        source = read(own.connector(), stream, Window(), Partition())
        ids = [record.id for record in next(source).records]
        own.at("2026-11-26T09:00:00+00:00")
        for page in source:
            ids += [record.id for record in page.records]
        assert sorted(ids) == sorted(own.truth(stream.value))


def test_moves_of_a_deal_are_told_whole_though_a_page_ends_amid_them() -> None:
    with sandbox(records=30, page_rows=7) as own:
        truth = own.truth("stage_changes")
        found = {
            one.id: like(one, truth[one.id])
            for one in everything(own.connector(), Stream.STAGE_CHANGES)
        }
        assert found == truth
        assert any(one["closing"] for one in truth.values())


def test_what_is_committed_late_is_in_the_next_window() -> None:
    """A record is stamped when it is touched, and its transaction takes eleven minutes."""
    with sandbox(records=20, start_at=START, frozen=True, commit_seconds=660) as own:
        connector = own.connector()
        own.at("2026-11-23T08:50:00+00:00")
        made = own.edit("leads", "new", {"set": {"LastName": "Late", "Company": "Acme"}})
        own.at("2026-11-23T09:00:00+00:00")
        before = pages(connector, Stream.LEADS, Window(START))
        assert made not in {record.id for page in before for record in page.records}
        now = before[0].remote_now
        assert now == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
        assert before[0].records == []
        own.at("2026-11-23T09:15:00+00:00")
        since = now - connector.lag - connector.overlap
        assert made in {one.id for one in everything(connector, Stream.LEADS, Window(since))}


def test_wide_rows_are_read_by_their_ids_when_their_names_fit_in_no_address() -> None:
    custom = [f"A_rather_long_name_of_a_field_{number}__c" for number in range(500)]
    with sandbox(records=30, custom=custom) as own:
        names = {f"f{number}": name for number, name in enumerate(custom)}
        connector = own.connector(fields=names)
        found = everything(connector, Stream.DEALS)
        assert {one.id for one in found} == set(own.truth("deals"))
        assert any(plain(one)["extra"]["f7"] == "A_r-1" for one in found)
        assert max(len(str(each.url)) for each in own.seen.requests) < 8000
        assert "Opportunity.read" in own.methods()


def test_custom_fields_and_campaign_words_come_from_the_mapped_fields(org: Sandbox) -> None:
    connector = org.connector(
        fields={"region": "Retro_Region__c"}, utm={"campaign": "UTM_Campaign__c"}
    )
    rows = {
        row["Id"]: row
        for row in org.query("SELECT Id, Retro_Region__c, UTM_Campaign__c FROM Opportunity")
    }
    assert {row["UTM_Campaign__c"] for row in rows.values()} > {None}
    truth = org.truth("deals")
    for one in map(plain, everything(connector, Stream.DEALS)):
        row = rows[one["id"]]
        assert one["extra"] == {"region": row["Retro_Region__c"]}
        assert one["utm"]["campaign"] == (
            row["UTM_Campaign__c"] or truth[one["id"]]["utm"]["campaign"]
        )


def test_several_currencies_are_those_of_the_rows() -> None:
    with sandbox(records=10, currencies=True) as own:
        found = everything(own.connector(), Stream.DEALS)
        assert {plain(one)["currency"] for one in found} == {"EUR", None}
        assert "CurrencyIsoCode" in str(own.seen.requests[-1].url) or any(
            "CurrencyIsoCode" in str(each.url) for each in own.seen.requests
        )


def test_a_converted_lead_is_tied_to_its_contact_and_its_deal(own: Sandbox) -> None:
    lead = next(one for one in own.truth("leads").values() if one["status_kind"] == "open")
    deal = next(one for one in own.truth("deals").values() if one["lead"] is None)
    own.edit("leads", lead["id"], {"convert": deal["id"]})
    connector = own.connector()
    found = {one.id: plain(one) for one in everything(connector, Stream.LEADS)}
    assert found[lead["id"]]["status_kind"] == "converted"
    assert found[lead["id"]]["closed_at"] is not None
    deals = {one.id: plain(one) for one in everything(connector, Stream.DEALS)}
    assert deals[deal["id"]]["lead"] == lead["id"]


def test_the_leads_of_a_large_page_are_asked_for_as_a_range() -> None:
    with sandbox(records=450) as own:
        truth = own.truth("deals")
        found = {one.id: plain(one)["lead"] for one in everything(own.connector(), Stream.DEALS)}
        assert found == {id_: one["lead"] for id_, one in truth.items()}
        # Version, description, deals, leads, campaigns.
        assert own.methods()["query"] == 2


def test_deleted_merged_and_purged_records_are_told_from_those_that_are_there(own: Sandbox) -> None:
    ids = list(own.truth("leads"))
    own.edit("leads", ids[0], {"delete": True})
    own.edit("leads", ids[1], {"merge": ids[2]})
    own.edit("leads", ids[3], {"purge": True})
    found = own.connector().presence(Stream.LEADS, ids)
    gone = {ids[0], ids[2], ids[3]}
    assert found == {id_: Presence.DELETED if id_ in gone else Presence.PRESENT for id_ in ids}


def test_moves_of_a_deleted_deal_are_gone_and_nobody_else_is(own: Sandbox) -> None:
    connector = own.connector()
    moves = own.truth("stage_changes")
    first = next(iter(moves.values()))
    own.edit("deals", first["entity_id"], {"delete": True})
    found = connector.presence(Stream.STAGE_CHANGES, list(moves))
    assert {id_ for id_, told in found.items() if told is Presence.DELETED} == {
        id_ for id_, one in moves.items() if one["entity_id"] == first["entity_id"]
    }
    assert connector.presence(Stream.PEOPLE, ["005"]) == {"005": Presence.HIDDEN}


@pytest.mark.parametrize("stream", [Stream.LEADS, Stream.DEALS, Stream.STAGE_CHANGES])
def test_single_records_are_as_in_a_listing(org: Sandbox, stream: Stream) -> None:
    connector = org.connector()
    listed = {one.id: plain(one) for one in everything(connector, stream)}
    some = list(listed)[:5]
    page = connector.by_ids(stream, [*some, some[0], "006Qy000000009zAAA"])
    assert {one.id: plain(one) for one in page.records} == {id_: listed[id_] for id_ in some}


def test_rows_out_of_order_are_an_error() -> None:
    assert in_order(["006A", "006Z", "006a"], "", "Opportunity") == "006a"
    with pytest.raises(BadResponse, match="not in order"):
        in_order(["006b", "006B"], "", "Opportunity")


def test_a_row_of_history_with_the_same_stage_is_no_move() -> None:
    def row(id_: str, stage: str, minute: int) -> HistoryRow:
        return HistoryRow(id_, "006", stage, START + timedelta(minutes=minute))

    stages = {"Open": StageKind.OPEN, "Won": StageKind.WON, "Lost": StageKind.LOST}
    rows = [row("1", "Open", 0), row("2", "Open", 1), row("3", "Won", 2), row("4", "Lost", 3)]
    moves = list(to_moves(rows, Known(stages=stages)))
    assert [(one.id, one.stage_kind, one.closing) for one in moves] == [
        ("1", StageKind.OPEN, False),
        ("3", StageKind.WON, True),
        ("4", StageKind.LOST, False),
    ]
    with pytest.raises(ValueError, match="Nowhere"):
        list(to_moves([*rows, row("5", "Nowhere", 5)], Known(stages=stages)))
    # One that was passed, and that the org has removed since, costs no other move.
    removed = list(to_moves([rows[0], row("5", "Nowhere", 1), rows[2]], Known(stages=stages)))
    assert [(one.id, one.pipeline, one.stage_kind, one.closing) for one in removed] == [
        ("1", "opportunities", StageKind.OPEN, False),
        ("5", None, StageKind.OPEN, False),
        ("3", "opportunities", StageKind.WON, True),
    ]


def test_an_odd_row_of_history_is_set_aside_without_the_others(own: Sandbox) -> None:
    truth = own.truth("stage_changes")
    odd = next(id_ for id_, one in truth.items() if one["stage"] == "Proposal")

    def spoilt(response: httpx.Response) -> httpx.Response:
        document = response.json()
        for row in document.get("records", ()) if isinstance(document, dict) else ():
            if row.get("Id") == odd:
                row["CreatedDate"] = {"odd": []}
        return httpx.Response(200, json=document)

    connector = own.over(Rewriting(httpx.HTTPTransport(), spoilt))
    (page,) = pages(connector, Stream.STAGE_CHANGES)
    assert [one.id for one in page.refused] == [odd]
    assert {one.id for one in page.records} == set(truth) - {odd}


def test_a_history_that_cannot_be_told_is_set_aside_as_that_of_its_deal(own: Sandbox) -> None:
    truth = own.truth("stage_changes")
    deal = next(iter(truth.values()))["entity_id"]
    its = {id_ for id_, one in truth.items() if one["entity_id"] == deal}

    def unknown(response: httpx.Response) -> httpx.Response:
        document = response.json()
        for row in document.get("records", ()) if isinstance(document, dict) else ():
            if row.get("OpportunityId") == deal:
                row["StageName"] = "Nowhere"
        return httpx.Response(200, json=document)

    odd = own.over(Rewriting(httpx.HTTPTransport(), unknown))
    (page,) = pages(odd, Stream.STAGE_CHANGES)
    (refused,) = page.refused
    assert {one.id for one in page.records} == set(truth) - its
    assert refused.id == f"history:deals:{deal}"
    # It is no better when it is asked for alone, and no reason to take it for gone.
    again = odd.by_ids(Stream.STAGE_CHANGES, [refused.id])
    assert ([one.id for one in again.refused], again.records) == ([refused.id], [])
    asked = [refused.id, *its]
    assert set(odd.presence(Stream.STAGE_CHANGES, asked).values()) == {Presence.HIDDEN}
    # Once the stage is known again all its moves come under the same id.
    good = own.connector()
    page = good.by_ids(Stream.STAGE_CHANGES, [refused.id])
    assert ({one.id for one in page.records}, page.refused) == (its, [])
    own.edit("deals", deal, {"delete": True})
    assert good.presence(Stream.STAGE_CHANGES, [refused.id]) == {refused.id: Presence.DELETED}


def test_people_that_were_set_aside_can_be_asked_for(own: Sandbox) -> None:
    one = next(iter(own.truth("people")))
    assert [each.id for each in own.connector().by_ids(Stream.PEOPLE, [one]).records] == [one]
