"""What a portal shows late: a change whose moment lies before the watermark."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from connectors.models import Stream
from sync.tables.runs import Mode, RunStatus
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.portal import NOW, Mirrored, new_database, store_connection


@pytest.fixture
def mirrored(tmp_path: Path) -> Iterator[Mirrored]:
    with sandbox(seed=11, records=20, start_at=NOW, frozen=True) as portal:
        database = new_database(tmp_path / "retro.db")
        yield Mirrored(database, portal, store_connection(database, portal))
        database.close()


def set_clock(portal: Sandbox, moment: datetime) -> None:
    clock = {"now": moment.isoformat(), "running": False}
    httpx.put(f"{portal.base}/_sandbox/clock", json=clock).raise_for_status()


@pytest.mark.quirk(21)
@pytest.mark.parametrize("late", [timedelta(seconds=1), timedelta(minutes=9)])
def test_a_change_committed_late_is_read_by_the_next_delta(
    mirrored: Mirrored, late: timedelta
) -> None:
    assert mirrored.pull(Stream.DEALS).status is RunStatus.SUCCEEDED
    deal_id = next(iter(mirrored.rows(Stream.DEALS)))
    # The change began before the pull and is shown only after it.
    set_clock(mirrored.portal, NOW - late)
    mirrored.portal.edit("deals", deal_id, {"set": {"title": "Late"}})
    set_clock(mirrored.portal, NOW + timedelta(minutes=15))
    mirrored.clock.advance(timedelta(minutes=15))
    mirrored.pull(Stream.DEALS, Mode.INCREMENTAL)
    assert mirrored.rows(Stream.DEALS)[deal_id].title == "Late"


@pytest.mark.quirk(21)
@pytest.mark.quirk(27)
def test_what_the_overlap_reads_again_is_not_written_again(mirrored: Mirrored) -> None:
    """Nor does anything need an event: nobody listens to this portal."""
    mirrored.pull(Stream.DEALS)
    deal_id = next(iter(mirrored.rows(Stream.DEALS)))
    set_clock(mirrored.portal, NOW + timedelta(minutes=1))
    mirrored.portal.edit("deals", deal_id, {"set": {"title": "Changed"}})
    set_clock(mirrored.portal, NOW + timedelta(minutes=2))
    assert mirrored.pull(Stream.DEALS, Mode.INCREMENTAL).updated == 1
    again = mirrored.pull(Stream.DEALS, Mode.INCREMENTAL)
    assert (again.read, again.updated, again.created) == (1, 0, 0)
