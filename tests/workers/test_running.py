"""A run whose connector cannot be made: it ends in words and leaves nothing behind."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import AuthFailed
from connectors.port import Connector, Partition
from sync.store import connections, cursors, mirror, runs
from sync.store.mirror import Feed
from sync.store.runs import LEASE, Worker
from sync.tables.connections import Connection
from sync.tables.runs import Mode, Run, RunStatus, Trigger
from tests.workers.figures import figures_app, figures_feed
from workers.app import App
from workers.clock import machine_now
from workers.running import work_on


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with figures_app(tmp_path) as app:
        yield app


@pytest.fixture
def feed(app: App) -> Feed:
    return figures_feed(app)


@pytest.fixture
def begun(app: App, feed: Feed) -> int:
    """A full pull whose first slice has read a page."""
    with app.database.writing() as session:
        run = runs.queue_run(
            session,
            feed.connection_id,
            feed.stream.value,
            mode=Mode.FULL,
            trigger=Trigger.SCHEDULE,
            at=machine_now(),
        )
        assert run.id is not None
        cursors.plan_partitions(session, feed, [Partition("all")])
        mirror.remember_seen(session, run.id, ["1"])
        return run.id


def left_of(app: App, feed: Feed, run_id: int) -> tuple[RunStatus, int, bool]:
    """Its status, how many records it remembers to have seen, and whether it has shares."""
    with app.database.reading() as session:
        run = runs.get_run(session, run_id)
        seen = mirror.count_seen(session, run_id)
        return run.status, seen, cursors.has_partitions(session, feed)


def the_run(app: App, run_id: int) -> Run:
    with app.database.reading() as session:
        return runs.get_run(session, run_id)


def test_a_pull_that_cannot_go_on_forgets_its_shares_and_what_it_saw(
    app: App, feed: Feed, begun: int
) -> None:
    """Else the next pull would go on in the middle of this one."""
    assert left_of(app, feed, begun) == (RunStatus.QUEUED, 1, True)
    with app.database.writing() as session:
        row = connections.connection_with(session, feed.connection_id)
        row.secrets = b"sealed with a key that is lost"
        session.add(row)
    assert work_on(app, begun) is RunStatus.FAILED
    assert left_of(app, feed, begun) == (RunStatus.FAILED, 0, False)


class Robbed(App):
    """While a connector is made in vain, another worker takes the run."""

    def connector(self, connection: Connection, *, bulk: bool = False) -> Connector[Any]:
        later = machine_now() + LEASE * 2
        with self.database.writing() as session:
            (run,) = runs.runs_to_enqueue(session, later)
            assert run.id is not None
            assert runs.take_run(session, run.id, Worker("boris", 2), later) is not None
        raise AuthFailed("The key is not accepted.")


@pytest.mark.promise("G9")
def test_a_lease_is_judged_by_the_clock_of_the_database(
    app: App, feed: Feed, begun: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of this machine may be ahead of it, and of the one whose worker has the run."""
    by_the_database = machine_now() - LEASE * 2
    with app.database.writing() as session:
        assert runs.take_run(session, begun, Worker("boris", 2), by_the_database)
    monkeypatch.setattr(app.database, "now", lambda: by_the_database)
    assert work_on(app, begun) is None
    assert (the_run(app, begun).host, the_run(app, begun).fence) == ("boris", 1)


def test_settings_of_another_version_ask_to_connect_again(app: App, feed: Feed, begun: int) -> None:
    with app.database.writing() as session:
        row = connections.connection_with(session, feed.connection_id)
        row.settings = {**row.settings, "no_longer": 1}
        session.add(row)
    assert work_on(app, begun) is RunStatus.FAILED
    error = the_run(app, begun).error or {}
    assert (error["kind"], error["next_step"]) == ("AuthFailed", "Connect it again.")
    assert "no_longer" in error["message"]


@pytest.mark.promise("G9")
def test_a_failure_of_who_lost_the_run_is_not_the_runs(app: App, feed: Feed, begun: int) -> None:
    assert work_on(Robbed(**vars(app)), begun) is None
    assert left_of(app, feed, begun) == (RunStatus.RUNNING, 1, True)
    assert the_run(app, begun).host == "boris"
