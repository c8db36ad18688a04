"""That the rules are wanted outlives their bell (G10)."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from config.settings import load_settings
from connectors.models import Stream
from rules.yaml_file import FileProblem
from sync.store import mirror, runs, schedules
from sync.store.database import Database
from sync.store.intake import take_in
from sync.store.mirror import Feed
from sync.store.rules_due import asked_for, note_looked_at
from sync.store.runs import Worker
from sync.tables.connections import Connection
from sync.tables.runs import Mode, RunStatus, Trigger
from tests.sync.test_many_workers import deal
from workers.app import App, open_app
from workers.followup import follow_up
from workers.queues import counts
from workers.scheduler import RULES_EVERY, Scheduler

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def app(home: Path, redis: Redis, bare_environ: pytest.MonkeyPatch) -> Iterator[App]:
    given = {"RETRO_HOME": str(home), "RETRO_CLOCK": NOW.isoformat()}
    with closing(open_app(load_settings(given), redis)) as opened:
        yield opened


@pytest.fixture
def feed(app: App) -> Feed:
    with app.database.writing() as session:
        row = Connection(
            name="portal", kind="bitrix24", settings={}, secrets=b"", sandbox=True, created_at=NOW
        )
        session.add(row)
        session.flush()
        assert row.id is not None
        return Feed(row.id, Stream.DEALS)


def pulled(database: Database, feed: Feed, ids: Sequence[str], *, ends: bool = True) -> None:
    """As a worker does that dies right before it rings."""
    now = database.now()
    with database.writing() as session:
        run = runs.queue_run(
            session,
            feed.connection_id,
            feed.stream,
            mode=Mode.FULL,
            trigger=Trigger.MANUAL,
            at=now,
        )
        assert run.id is not None
        lease = runs.take_run(session, run.id, Worker("anna", 1), now)
        assert lease is not None
        taken = take_in(session, feed, [deal(id_) for id_ in ids], (), run_id=run.id, at=now)
        runs.advance(session, lease, taken, now)
        if ends:
            runs.finish(session, lease, RunStatus.SUCCEEDED, now, seconds=0.0)


def is_rung(app: App) -> bool:
    """By the reconciler, in a Redis that knows nothing."""
    assert app.redis is not None
    app.redis.flushall()
    Scheduler(app).reconcile()
    return counts(app.redis)["rules"].waiting == 1


@pytest.mark.promise("G10")
def test_a_change_is_rung_for_until_the_rules_have_looked_at_it(app: App, feed: Feed) -> None:
    assert not is_rung(app)
    pulled(app.database, feed, ["1"])
    assert is_rung(app)
    assert is_rung(app)
    follow_up(app)
    assert not is_rung(app)


@pytest.mark.promise("G2")
def test_what_changes_nothing_is_not_rung_for(app: App, feed: Feed) -> None:
    pulled(app.database, feed, ["1"])
    follow_up(app)
    pulled(app.database, feed, ["1"])
    assert not is_rung(app)


@pytest.mark.promise("G10")
def test_a_delete_is_rung_for(app: App, feed: Feed) -> None:
    pulled(app.database, feed, ["1"])
    follow_up(app)
    with app.database.writing() as session:
        mirror.mark_deleted(session, feed, ["1"], NOW)
    assert is_rung(app)


def test_it_is_not_rung_while_a_pull_may_bring_more(app: App, feed: Feed) -> None:
    pulled(app.database, feed, ["1"])
    leads = Feed(feed.connection_id, Stream.CONTACTS)
    pulled(app.database, leads, [], ends=False)
    assert not is_rung(app)


@pytest.mark.promise("G10")
def test_an_evaluation_that_was_due_by_the_clock_is_rung_for(app: App) -> None:
    with app.database.writing() as session:
        schedules.ensure_rules(session, RULES_EVERY, NOW)
    Scheduler(app).tick()
    assert is_rung(app)
    follow_up(app)
    assert not is_rung(app)


@pytest.mark.promise("G10")
def test_an_evaluation_that_lost_its_database_is_rung_for_again(app: App, feed: Feed) -> None:
    pulled(app.database, feed, ["1"])
    seen = []

    def away_in_the_middle(connection: object) -> None:
        seen.append(connection)
        if len(seen) > 1:
            raise OperationalError("", {}, Exception("the server is away"))

    event.listen(app.database.engine, "begin", away_in_the_middle)
    with pytest.raises(OperationalError):
        follow_up(app)
    event.remove(app.database.engine, "begin", away_in_the_middle)
    assert is_rung(app)


@pytest.mark.promise("G10")
def test_what_comes_while_the_rules_look_is_not_taken_for_seen(app: App, feed: Feed) -> None:
    pulled(app.database, feed, ["1"])
    with app.database.reading() as session:
        asked = asked_for(session)
    pulled(app.database, feed, ["2"])
    assert asked
    with app.database.writing() as session:
        note_looked_at(session, asked)
    assert is_rung(app)


def test_rules_that_cannot_be_read_are_tried_by_their_schedule(app: App, feed: Feed) -> None:
    """Not every 15 seconds: nothing but a person mends them."""
    (app.settings.home / "rules.yaml").write_text("rules: [")
    pulled(app.database, feed, ["1"])
    with pytest.raises(FileProblem):
        follow_up(app)
    assert not is_rung(app)
