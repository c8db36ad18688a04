"""Figures of a day that come from several sources, each of which knows a part of them."""

from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest
from sqlmodel import col, select

from connectors.models import CampaignStats, Stream, history_of
from connectors.port import RefusedRecord
from sync.rows import content_hash, from_row
from sync.store import cursors, mirror, runs
from sync.store.database import Database
from sync.store.intake import take_in
from sync.store.mirror import Feed, Saved
from sync.tables.mirror import Change
from sync.tables.runs import Mode, Trigger
from tests.sync.conftest import NOW
from tests.sync.test_mirror import save

DAY = date(2026, 9, 1)
CLICKS = CampaignStats(
    id="2026-09-01|C|treated",
    day=DAY,
    campaign="C",
    clicks=7,
    spend=Decimal("12.50"),
    currency="EUR",
    updated_at=NOW,
)
SEEN = CampaignStats(
    id=CLICKS.id, day=DAY, campaign="C", impressions=900, updated_at=NOW + timedelta(hours=1)
)
BOTH = msgspec.structs.replace(CLICKS, impressions=900, updated_at=SEEN.updated_at)


@pytest.fixture
def figures(connection_id: int) -> Feed:
    return Feed(connection_id, Stream.CAMPAIGN_STATS)


def held(database: Database, feed: Feed) -> CampaignStats:
    with database.reading() as session:
        (row,) = mirror.rows_by_id(session, feed, [CLICKS.id])
        assert row.hash == content_hash(from_row(CampaignStats, row))
        return from_row(CampaignStats, row)


@pytest.mark.promise("G6")
def test_a_figure_that_is_unknown_now_stays_as_it_is_held(
    database: Database, figures: Feed
) -> None:
    save(database, figures, CLICKS)
    assert save(database, figures, SEEN) == Saved(updated=1)
    assert held(database, figures) == BOTH


@pytest.mark.promise("G2")
def test_the_same_parts_read_again_change_nothing(database: Database, figures: Feed) -> None:
    for part in (CLICKS, SEEN):
        save(database, figures, part)
    for part in (CLICKS, SEEN):
        assert save(database, figures, part) == Saved(unchanged=1)
        assert held(database, figures) == BOTH


def test_a_figure_that_is_known_replaces_the_held_one(database: Database, figures: Feed) -> None:
    save(database, figures, BOTH)
    corrected = msgspec.structs.replace(SEEN, impressions=0)
    assert save(database, figures, corrected) == Saved(updated=1)
    assert held(database, figures) == msgspec.structs.replace(BOTH, impressions=0)


def test_a_restated_figure_keeps_what_was_told_before(database: Database, figures: Feed) -> None:
    """T10."""
    save(database, figures, BOTH)
    for impressions in (950, 940):
        save(database, figures, msgspec.structs.replace(BOTH, impressions=impressions))
    with database.reading() as session:
        kept = session.exec(
            select(Change)
            .where(Change.record_id == CLICKS.id, Change.field == "impressions")
            .order_by(col(Change.id))
        ).all()
    assert [(change.old, change.new) for change in kept] == [("900", "950"), ("950", "940")]


def test_figures_that_were_held_to_be_deleted_do_not_come_back(
    database: Database, figures: Feed
) -> None:
    save(database, figures, CLICKS)
    with database.writing() as session:
        mirror.mark_deleted(session, figures, [CLICKS.id], NOW)
    save(database, figures, SEEN)
    assert held(database, figures) == SEEN


def test_a_campaign_that_was_set_aside_is_forgotten_when_its_days_come(
    database: Database, figures: Feed
) -> None:
    odd = RefusedRecord(history_of("campaigns", "c-1"), "unknown", "{}")
    other = RefusedRecord(history_of("campaigns", "c-2"), "unknown", "{}")
    with database.writing() as session:
        run = runs.queue_run(
            session,
            figures.connection_id,
            figures.stream.value,
            mode=Mode.FULL,
            trigger=Trigger.MANUAL,
            at=NOW,
        )
        assert run.id is not None
        take_in(session, figures, [], [odd, other], run_id=run.id, at=NOW)
        day = msgspec.structs.replace(CLICKS, id="2026-09-01:c-1")
        take_in(session, figures, [day], [], run_id=run.id, at=NOW)
        assert [row.record_id for row in cursors.all_set_aside(session)] == [other.id]
