"""Reading: everything, what changed, past the cap and the lag of the search, and by id."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from connectors.errors import BadResponse
from connectors.hubspot import reading, wire
from connectors.hubspot.mapping import Known, to_moves
from connectors.hubspot.rows import HistoryRow
from connectors.models import StageKind, Stream
from connectors.port import Partition, Presence, Window
from tests.connectors.hubspot.kit import Sandbox, like, plain, sandbox
from tests.connectors.running import everything

STREAMS = [
    *(Stream.PEOPLE, Stream.PIPELINES, Stream.CONTACTS, Stream.LEADS, Stream.DEALS),
    *(Stream.STAGE_CHANGES, Stream.CAMPAIGN_STATS),
]
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_full_read_holds_what_the_account_has(account: Sandbox, stream: Stream) -> None:
    found = {record.id: record for record in everything(account.connector(), stream)}
    truth = account.truth(stream.value)
    assert set(found) == set(truth)
    assert len(truth) > 2
    for id_, record in found.items():
        assert like(record, truth[id_]) == truth[id_]


@pytest.mark.parametrize("stream", [Stream.CONTACTS, Stream.LEADS, Stream.DEALS])
def test_a_delta_over_everything_is_a_full_read(account: Sandbox, stream: Stream) -> None:
    connector = account.connector()
    window = Window(datetime(2020, 1, 1, tzinfo=UTC))
    assert {r.id: plain(r) for r in everything(connector, stream, window)} == {
        r.id: plain(r) for r in everything(connector, stream)
    }


def test_a_delta_brings_what_changed_with_its_links_and_moves() -> None:
    with sandbox(records=20, start_at=START, frozen=True, index_seconds=0) as own:
        connector = own.connector()
        (first, *_) = everything(connector, Stream.DEALS)
        own.at("2026-11-23T09:00:00+00:00")
        own.edit("deals", first.id, {"set": {"dealstage": "closedwon", "amount": "12.50"}})
        window = Window(START + timedelta(minutes=1))
        (changed,) = everything(connector, Stream.DEALS, window)
        truth = own.truth("deals")[first.id]
        assert like(changed, truth) == truth
        assert truth["contacts"]
        moves = everything(connector, Stream.STAGE_CHANGES, window)
        assert {move.id: like(move, own.truth("stage_changes")[move.id]) for move in moves} == {
            id_: one
            for id_, one in own.truth("stage_changes").items()
            if one["entity_id"] == first.id
        }
        assert everything(connector, Stream.LEADS, window) == []


def test_a_search_goes_on_past_its_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    """One moment larger than a page and than the cap: everything changed in the same instant."""
    with sandbox(records=950, search_cap=400) as own:
        connector = own.connector()
        window = Window(datetime(2020, 1, 1, tzinfo=UTC))
        found = everything(connector, Stream.DEALS, window)
        assert len(found) == len({record.id for record in found}) == 950


def test_ids_that_share_one_moment_are_not_lost(own: Sandbox) -> None:
    own.at("2026-11-23T09:00:00+00:00")
    for _ in range(230):
        own.edit("contacts", "new", {"set": {"firstname": "Import"}})
    own.at("2026-11-23T09:01:00+00:00")
    since = Window(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    found = everything(own.connector(), Stream.CONTACTS, since)
    new = [one for one in found if plain(one)["name"] == "Import"]
    assert len(new) == len({one.id for one in new}) == 230


@pytest.mark.parametrize("changed", ["08:54:00", "09:00:00"])
def test_what_the_index_does_not_show_yet_is_in_the_next_window(changed: str) -> None:
    """Lag and overlap together are seven minutes; this index takes six and a half."""
    with sandbox(records=20, start_at=START, frozen=True, index_seconds=390) as own:
        connector = own.connector()
        own.at(f"2026-11-23T{changed}+00:00")
        made = own.edit("contacts", "new", {"set": {"firstname": "Late"}})
        own.at("2026-11-23T09:00:00+00:00")
        pages = list(connector.contacts(Window(START), Partition()))
        assert pages[0].remote_now == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
        assert made not in {record.id for page in pages for record in page.records}
        watermark = pages[0].remote_now - connector.lag
        own.at("2026-11-23T09:10:00+00:00")
        found = everything(connector, Stream.CONTACTS, Window(watermark - connector.overlap))
        assert made in {record.id for record in found}


def test_a_stage_that_is_written_again_is_no_move() -> None:
    row = msgspec.convert(
        {
            "id": "7",
            "properties": {},
            "createdAt": "2026-11-23T08:00:00Z",
            "updatedAt": "2026-11-23T08:00:00Z",
            "propertiesWithHistory": {
                "dealstage": [
                    {"value": "lost", "timestamp": "2026-11-23T12:00:00Z"},
                    {"value": "won", "timestamp": "2026-11-23T11:00:00Z"},
                    {"value": "won", "timestamp": "2026-11-23T10:00:00.123Z"},
                    {"value": "new", "timestamp": "2026-11-23T09:00:00Z"},
                ]
            },
        },
        HistoryRow,
    )
    kinds = {"new": StageKind.OPEN, "won": StageKind.WON, "lost": StageKind.LOST}
    known = Known(kinds={("deals", stage): ("p", kind) for stage, kind in kinds.items()})
    moves = list(to_moves("deals", row, known))
    assert [(move.stage, move.closing) for move in moves] == [
        ("new", False),
        ("won", True),
        ("lost", False),
    ]
    assert moves[1].id == "deals:7:1795428000123"
    with pytest.raises(ValueError, match="in no pipeline"):
        list(to_moves("deals", row, Known()))


def test_a_stage_that_was_removed_since_costs_a_deal_no_other_move() -> None:
    def at(stage: str, hour: int) -> dict[str, str]:
        return {"value": stage, "timestamp": f"2026-11-23T{hour:02}:00:00Z"}

    row = msgspec.convert(
        {
            "id": "7",
            "properties": {},
            "createdAt": "2026-11-23T08:00:00Z",
            "updatedAt": "2026-11-23T08:00:00Z",
            "propertiesWithHistory": {
                "dealstage": [at("won", 11), at("removed", 10), at("new", 9)],
            },
        },
        HistoryRow,
    )
    kinds = {"new": StageKind.OPEN, "won": StageKind.WON}
    known = Known(kinds={("deals", stage): ("p", kind) for stage, kind in kinds.items()})
    moves = list(to_moves("deals", row, known))
    assert [(move.stage, move.pipeline, move.stage_kind, move.closing) for move in moves] == [
        ("new", "p", StageKind.OPEN, False),
        ("removed", None, StageKind.OPEN, False),
        ("won", "p", StageKind.WON, True),
    ]
    # Where it stands now must be known.
    with pytest.raises(ValueError, match="'won' is in no pipeline"):
        list(to_moves("deals", row, Known(kinds={("deals", "new"): ("p", StageKind.OPEN)})))


def test_a_share_goes_on_where_it_was_left(account: Sandbox) -> None:
    for stream, window in (
        (Stream.CAMPAIGN_STATS, Window()),
        (Stream.STAGE_CHANGES, Window()),
        (Stream.PEOPLE, Window()),
    ):
        connector = account.connector()
        share = connector.partitions(stream, window)[0]
        pages = list(getattr(connector, stream.value)(window, share))
        rest = Partition(share.name, after=pages[0].position)
        left = list(getattr(connector, stream.value)(window, rest))
        # The first page of campaigns only names them.
        ids = [
            record.id
            for page in (pages if not pages[0].position else pages[1:])
            for record in page.records
        ]
        assert [record.id for page in left for record in page.records] == ids


def test_custom_fields_and_campaign_words_are_read_by_their_type(account: Sandbox) -> None:
    connector = account.connector(
        fields={"seats": "retro_seats", "urgent": "retro_urgent", "region": "retro_region"},
        utm={"campaign": "utm_campaign_first"},
    )
    deals = [plain(one) for one in everything(connector, Stream.DEALS)]
    assert {type(deal["extra"]["seats"]) for deal in deals} == {float}
    assert {deal["extra"]["urgent"] for deal in deals} == {True, False}
    assert {deal["utm"]["campaign"] for deal in deals} == {"brand_q3", None}
    # Leads have but one of them.
    leads = [plain(one) for one in everything(connector, Stream.LEADS)]
    assert {tuple(lead["extra"]) for lead in leads} == {("region",)}
    fields = {one.name: one for one in connector.fields(Stream.DEALS)}
    assert {name for name, one in fields.items() if one.custom} >= {"retro_seats"}
    assert 1 <= len(fields["dealname"].samples) <= 3
    assert fields["retro_seats"].samples


def test_a_qualified_stage_of_the_settings_wins(account: Sandbox) -> None:
    connector = account.connector(qualified_stages=["qualified-stage-id"])
    kinds = Counter(plain(one)["status_kind"] for one in everything(connector, Stream.LEADS))
    assert kinds["qualified"] > 0
    assert kinds["converted"] == 0


def test_many_links_of_a_record_are_read_to_their_end(own: Sandbox) -> None:
    contacts = [own.edit("contacts", "new", {"set": {"firstname": f"n{n}"}}) for n in range(250)]
    deal = own.edit(
        "deals",
        "new",
        {
            "set": {"dealname": "Many", "pipeline": "default", "dealstage": "contractsent"},
            "link": {"contacts": contacts},
        },
    )
    connector = own.connector()
    listed = next(one for one in everything(connector, Stream.DEALS) if one.id == deal)
    (read,) = connector.by_ids(Stream.DEALS, [deal]).records
    assert plain(listed)["contacts"] == plain(read)["contacts"] == contacts


def test_archived_and_merged_records_are_told_apart_from_hidden_ones(own: Sandbox) -> None:
    connector = own.connector()
    first, second, third, *_ = [one.id for one in everything(connector, Stream.CONTACTS)]
    moves = [one.id for one in everything(connector, Stream.STAGE_CHANGES)]
    deal = moves[0].split(":")[1]
    own.edit("contacts", first, {"delete": True})
    own.edit("contacts", second, {"merge": third})
    own.edit("deals", deal, {"delete": True})
    assert connector.presence(Stream.CONTACTS, [first, second, third]) == {
        first: Presence.DELETED,
        second: Presence.PRESENT,
        third: Presence.DELETED,
    }
    told = connector.presence(Stream.STAGE_CHANGES, moves)
    gone = {id_ for id_, one in told.items() if one is Presence.DELETED}
    assert gone == {id_ for id_ in moves if id_.split(":")[1] == deal}
    assert connector.presence(Stream.PEOPLE, ["5001"]) == {"5001": Presence.HIDDEN}
    own.edit("contacts", first, {"restore": True})
    assert connector.presence(Stream.CONTACTS, [first]) == {first: Presence.PRESENT}


def test_single_records_are_read_again_past_the_index(account: Sandbox) -> None:
    connector = account.connector()
    for stream in (Stream.CONTACTS, Stream.LEADS, Stream.DEALS, Stream.STAGE_CHANGES):
        truth = account.truth(stream.value)
        ids = list(truth)[:70]
        page = connector.by_ids(stream, [*ids, "deals:4:5" if ":" in ids[0] else "4"])
        assert {record.id: like(record, truth[record.id]) for record in page.records} == {
            id_: truth[id_] for id_ in ids
        }


def test_a_full_read_costs_ten_requests_a_thousand_deals() -> None:
    with sandbox(records=1000) as own:
        everything(own.connector(), Stream.DEALS)
        assert own.methods()["deals.list"] == 10
        assert "deals.links" not in own.methods()


def test_figures_of_a_campaign_are_asked_again_and_its_spend_has_a_day(own: Sandbox) -> None:
    guid = "1f0c4d52-0001-4000-8000-000000000001"
    own.at("2026-11-23T09:00:00+00:00")
    own.edit("campaigns", guid, {"spend": {"2026-11-20": "12.30", "2026-11-22": "0.70"}})
    connector = own.connector(campaign_days=5)
    full = {one.id: plain(one) for one in everything(connector, Stream.CAMPAIGN_STATS)}
    assert (full[f"2026-11-20:{guid}"]["spend"], full[f"2026-11-22:{guid}"]["spend"]) == (
        "12.3",
        "0.7",
    )
    assert full[f"2026-11-20:{guid}"]["currency"] == "EUR"
    assert full[f"2026-11-21:{guid}"]["spend"] is None
    since = Window(datetime(2026, 11, 23, 8, tzinfo=UTC))
    days = {plain(one)["day"] for one in everything(connector, Stream.CAMPAIGN_STATS, since)}
    assert days == {"2026-11-22", "2026-11-23"}


def test_objects_that_the_plan_has_not_are_left_out(account: Sandbox) -> None:
    connector = account.connector(leads=False, campaigns=False)
    assert everything(connector, Stream.LEADS) == []
    assert everything(connector, Stream.CAMPAIGN_STATS) == []
    assert {plain(one)["entity"] for one in everything(connector, Stream.STAGE_CHANGES)} == {
        "deals"
    }
    assert all(plain(one)["lead"] is None for one in everything(connector, Stream.DEALS))


def test_rows_out_of_order_and_cursors_that_stand_still_end_the_read() -> None:
    with pytest.raises(BadResponse, match="not in order"):
        reading.in_order(["5", "4"], 0, "deals")
    with pytest.raises(BadResponse, match="does not move on"):
        reading.moved("x", "x", "deals")
    assert reading.moved(None, "x", "deals") == reading.END
    assert wire.batches(["1", "1", "2"], 1) == [["1"], ["2"]]


@pytest.mark.parametrize("stream", [Stream.PEOPLE, Stream.PIPELINES])
def test_records_of_short_lists_can_be_asked_for(account: Sandbox, stream: Stream) -> None:
    connector = account.connector()
    one, *_ = everything(connector, stream)
    assert list(connector.by_ids(stream, [one.id, "nobody"]).records) == [one]


def test_what_no_read_by_id_can_tell_is_neither_found_nor_gone(account: Sandbox) -> None:
    connector = account.connector()
    for stream in (Stream.CAMPAIGN_STATS, Stream.STAGE_CHANGES):
        page = connector.by_ids(stream, ["9001"])
        assert (list(page.records), list(page.refused)) == ([], [])
        assert connector.presence(stream, ["9001"]) == {"9001": Presence.HIDDEN}
