"""Windows by time and id: ties larger than a page, changes amid pages, odd zones, a late index."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from connectors.bitrix24.connector import Bitrix24
from connectors.models import Deal, Stream
from connectors.port import Page, Partition, Window
from sync.store.database import Database
from sync.tables.runs import Mode, RunStatus
from tests.connectors.bitrix24.kit import Hands, Sandbox, sandbox
from tests.portal import Mirrored, new_database, store_connection

TIED = 3000
MOMENT = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = new_database(tmp_path / "retro.db")
    yield database
    database.close()


def set_clock(portal: Sandbox, moment: datetime) -> None:
    body = {"now": moment.isoformat(), "running": False}
    httpx.put(f"{portal.base}/_sandbox/clock", json=body).raise_for_status()


def titles(mirrored: Mirrored) -> dict[str, str]:
    return {id_: row.title for id_, row in mirrored.rows(Stream.DEALS).items()}


@pytest.mark.promise("G3")
def test_ties_larger_than_a_page_are_read_once_while_records_change(database: Database) -> None:
    """3,000 deals of one moment; amid the pages one that was read, one that was not, a new one."""
    with sandbox(seed=7, records=TIED, start_at=MOMENT, frozen=True) as portal:
        mirrored = Mirrored(database, portal, store_connection(database, portal))
        mirrored.pull(Stream.DEALS)
        ids = sorted(mirrored.rows(Stream.DEALS), key=int)
        moved_on = MOMENT + timedelta(hours=2)
        set_clock(portal, moved_on)
        with httpx.Client(base_url=f"{portal.base}/_sandbox/records/deals/") as client:
            for id_ in ids:
                client.post(id_, json={"set": {"title": "En même temps"}}).raise_for_status()
        amid: list[str] = []

        def change(_read: int) -> None:
            if not amid:
                set_clock(portal, moved_on + timedelta(minutes=1))
                portal.edit("deals", ids[0], {"set": {"title": "Déjà lue"}})
                portal.edit("deals", ids[-1], {"set": {"title": "Pas encore lue"}})
                amid.append(portal.edit("deals", "new", {"set": {"title": "Nouvelle"}}))

        run_id = mirrored.queue(Stream.DEALS, Mode.INCREMENTAL, since=moved_on)
        for _ in range(3):
            assert mirrored.work(run_id, on_page=change, slice=timedelta(0)) is RunStatus.QUEUED
        assert mirrored.work(run_id) is RunStatus.SUCCEEDED
        run = mirrored.run(run_id)
        assert TIED <= run.read <= TIED + 1
        assert run.requests < TIED / 50
        assert set(titles(mirrored).values()) <= {
            *("En même temps", "Déjà lue", "Pas encore lue", "Nouvelle")
        }
        mirrored.pull(Stream.DEALS, Mode.INCREMENTAL)
        held = titles(mirrored)
        assert (held[ids[0]], held[ids[-1]]) == ("Déjà lue", "Pas encore lue")
        assert held[amid[0]] == "Nouvelle"
        assert len(held) == TIED + 1


# The second is in the hour that Paris lives twice, an hour after the first on the same local clock.
NIGHT = datetime(2026, 10, 25, 0, 40, tzinfo=UTC)


@pytest.mark.promise("G3")
@pytest.mark.parametrize("ahead", [timedelta(days=-3), timedelta(hours=5)], ids=["late", "early"])
@pytest.mark.parametrize("zone", ["+05:30", "-08:00", "Europe/Paris", "Australia/Lord_Howe"])
def test_no_zone_no_clock_change_and_no_wrong_clock_of_ours_hides_a_change(
    database: Database, zone: str, ahead: timedelta
) -> None:
    with sandbox(seed=7, records=60, zone=zone, start_at=NIGHT, frozen=True) as portal:
        mirrored = Mirrored(database, portal, store_connection(database, portal))
        mirrored.clock.moment = NIGHT + ahead
        mirrored.pull(Stream.DEALS)
        edited = sorted(mirrored.rows(Stream.DEALS), key=int)
        for hour, id_ in enumerate(edited[:4]):
            moment = NIGHT + timedelta(hours=hour, minutes=1)
            set_clock(portal, moment)
            portal.edit("deals", id_, {"set": {"title": f"À {hour} h"}})
            mirrored.clock.advance(timedelta(hours=1))
            run = mirrored.pull(Stream.DEALS, Mode.INCREMENTAL)
            assert (run.status, run.updated) == (RunStatus.SUCCEEDED, 1)
            row = mirrored.rows(Stream.DEALS)[id_]
            assert (row.title, row.updated_at) == (f"À {hour} h", moment)
            # What changed before is not read for ever.
            assert run.read <= 2


class LateIndex(Bitrix24):
    """A tool that lists a change five minutes after it."""

    lag = timedelta(minutes=5)
    overlap = timedelta(0)

    def deals(self, window: Window, partition: Partition) -> Iterator[Page[Deal]]:
        for page in super().deals(window, partition):
            assert page.remote_now is not None
            shown = page.remote_now - self.lag
            listed = [r for r in page.records if r.updated_at and r.updated_at <= shown]
            yield Page(listed, page.position, remote_now=page.remote_now)


@pytest.mark.promise("G3")
def test_a_change_that_the_tool_lists_late_is_read_by_the_next_pull(database: Database) -> None:
    with sandbox(seed=7, records=60, start_at=MOMENT, frozen=True) as portal:
        mirrored = Mirrored(database, portal, store_connection(database, portal))
        late = LateIndex(portal.connector().config, Hands().wire())
        portal.made.append(late)
        mirrored.pull(Stream.DEALS, connector=late)
        edited = next(iter(mirrored.rows(Stream.DEALS)))
        set_clock(portal, MOMENT + timedelta(minutes=10))
        portal.edit("deals", edited, {"set": {"title": "Pas encore montrée"}})
        set_clock(portal, MOMENT + timedelta(minutes=12))
        assert mirrored.pull(Stream.DEALS, Mode.INCREMENTAL, connector=late).updated == 0
        set_clock(portal, MOMENT + timedelta(minutes=16))
        assert mirrored.pull(Stream.DEALS, Mode.INCREMENTAL, connector=late).updated == 1
        assert titles(mirrored)[edited] == "Pas encore montrée"
