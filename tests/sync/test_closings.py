"""When deals ended: by their stage history, and not by the tool's later date (quirk 13)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import permutations

import httpx
import pytest
from sqlmodel import select

from connectors.models import Deal, StageChange, StageKind, Stream
from sync.store.database import Database
from sync.store.intake import take_in
from sync.store.mirror import Feed
from sync.store.runs import queue_run
from sync.tables.mirror import DealRow
from sync.tables.runs import Mode, Trigger
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.portal import Mirrored
from tests.sync.conftest import NOW

ORDERS = pytest.mark.parametrize(
    "order",
    [(Stream.DEALS, Stream.STAGE_CHANGES), (Stream.STAGE_CHANGES, Stream.DEALS)],
    ids=["deals first", "history first"],
)


def day(number: int) -> datetime:
    return datetime(2026, 11, number, 9, 0, tzinfo=UTC)


@pytest.fixture
def portal() -> Iterator[Sandbox]:
    with sandbox(seed=7, records=540, late_moves=True, start_at=day(2), frozen=True) as running:
        yield running


def moved(mirrored: Mirrored, way: dict[int, str]) -> str:
    """A new deal that goes this way: stage by day of November."""
    portal = mirrored.portal
    id_ = portal.edit("deals", "new", {"set": {"title": "Une affaire", "stageId": "NEW"}})
    for number, stage in way.items():
        body = {"now": day(number).isoformat(), "running": False}
        httpx.put(f"{portal.base}/_sandbox/clock", json=body).raise_for_status()
        portal.edit("deals", id_, {"set": {"stageId": stage}})
    return id_


@pytest.mark.quirk(13)
@ORDERS
def test_stage_history_corrects_when_deals_ended_in_either_order(
    mirrored: Mirrored, order: tuple[Stream, Stream]
) -> None:
    for stream in order:
        mirrored.pull(stream)
    rows = mirrored.rows(Stream.DEALS)
    assert mirrored.records(Stream.DEALS) == mirrored.truth(Stream.DEALS)
    assert any(
        row.final_at and row.closed_at and row.final_at < row.closed_at for row in rows.values()
    )


@pytest.mark.quirk(13)
@ORDERS
@pytest.mark.parametrize(
    ("way", "ended"),
    [
        ({5: "LOSE", 15: "APOLOGY"}, 5),
        ({5: "LOSE", 10: "NEW", 15: "WON"}, 15),
        ({5: "LOSE", 10: "NEW", 15: "LOSE", 20: "APOLOGY"}, 15),
    ],
    ids=["from one final stage to another", "reopened", "both"],
)
def test_a_deal_ended_when_it_first_left_its_open_stages_for_the_last_time(
    mirrored: Mirrored, way: dict[int, str], ended: int, order: tuple[Stream, Stream]
) -> None:
    id_ = moved(mirrored, way)
    for stream in order:
        mirrored.pull(stream)
    row = mirrored.rows(Stream.DEALS)[id_]
    assert (row.final_at, row.closed_at) == (day(ended), day(max(way)))
    assert mirrored.truth(Stream.DEALS)[id_]["closed_at"] == f"{day(ended):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.quirk(13)
@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_moves_that_come_one_by_one_in_any_order_end_the_deal_at_one_moment(
    database: Database, deals: Feed, order: tuple[int, ...]
) -> None:
    """As shares read side by side bring them."""
    moves = [
        move(1, StageKind.LOST, day(5)),
        move(2, StageKind.OPEN, day(10)),
        move(3, StageKind.LOST, day(15)),
    ]
    deal = Deal(
        id="7",
        title="Une affaire",
        pipeline="0",
        stage="APOLOGY",
        stage_kind=StageKind.LOST,
        created_at=day(1),
        closed_at=day(20),
    )
    history = Feed(deals.connection_id, Stream.STAGE_CHANGES)
    with database.writing() as session:
        ours = deals.connection_id
        run = queue_run(session, ours, Stream.DEALS, mode=Mode.FULL, trigger=Trigger.MANUAL, at=NOW)
        assert run.id is not None
        take_in(session, deals, [deal], (), run_id=run.id, at=NOW)
        for number in order:
            take_in(session, history, [moves[number]], (), run_id=run.id, at=NOW)
        found = session.exec(select(DealRow.final_at)).one()
    assert found == day(15)


def move(number: int, kind: StageKind, at: datetime) -> StageChange:
    return StageChange(
        id=f"deals:{number}",
        entity="deals",
        entity_id="7",
        stage=kind.value,
        stage_kind=kind,
        closing=kind is not StageKind.OPEN,
        at=at,
    )
