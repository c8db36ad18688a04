"""Records read again by their id: a run of its own, which ends whatever happens."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.errors import AuthFailed, Unavailable
from connectors.port import HookEvent
from sync.store import cancelling, connections, hooks, past_runs
from sync.store.mirror import Feed
from sync.tables.runs import HookState, Run, RunStatus, Trigger
from tests.workers.figures import figures_app, figures_feed
from workers import rereading
from workers.app import App
from workers.clock import machine_now
from workers.hooks import apply_hint
from workers.rereading import reread


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with figures_app(tmp_path) as app:
        yield app


@pytest.fixture
def feed(app: App) -> Feed:
    return figures_feed(app)


def the_run(app: App) -> Run:
    with app.database.reading() as session:
        (run,) = past_runs.recent_runs(session)
    return run


def test_a_defect_ends_a_rereading_run_in_words(app: App, feed: Feed) -> None:
    with pytest.raises(TypeError):
        reread(app, feed, ["1"], Trigger.REPLAY)
    ended = the_run(app)
    assert ended.status is RunStatus.FAILED
    assert ended.error is not None
    assert (ended.error["kind"], ended.error["who"]) == ("Unexpected", "developer")
    assert "TypeError in hints.py, line" in ended.error["message"]


def test_settings_that_cannot_be_used_end_it_too(app: App, feed: Feed) -> None:
    with app.database.writing() as session:
        row = connections.connection_with(session, feed.connection_id)
        row.settings = {"folder": 7, "unknown": True}
        session.add(row)
    with pytest.raises(AuthFailed, match="do not fit this version"):
        reread(app, feed, ["1"], Trigger.REPLAY)
    assert the_run(app).status is RunStatus.FAILED


def test_a_hint_that_meets_a_defect_is_not_applied_for_ever(app: App, feed: Feed) -> None:
    hint = HookEvent(feed.stream, ["1"], dedupe="once")
    with app.database.writing() as session:
        stored = hooks.store_hint(session, feed.connection_id, hint, machine_now())
    assert stored is not None
    with pytest.raises(TypeError):
        apply_hint(app, stored)
    with app.database.reading() as session:
        assert hooks.hint_with(session, stored).state is HookState.FAILED
    apply_hint(app, stored)
    assert the_run(app).status is RunStatus.FAILED


def test_a_hint_whose_lease_is_lost_while_the_tool_is_away_is_read_later(
    app: App, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(app: App, *_: object) -> None:
        # As a change of what the records look like does.
        with app.database.writing() as session:
            cancelling.cancel_pulls(session, feed.connection_id, app.database.now())
        raise Unavailable("The tool is away.")

    monkeypatch.setattr(rereading, "_read", away)
    hint = HookEvent(feed.stream, ["1"], dedupe="once")
    with app.database.writing() as session:
        stored = hooks.store_hint(session, feed.connection_id, hint, machine_now())
    assert stored is not None
    apply_hint(app, stored)
    with app.database.reading() as session:
        assert hooks.hint_with(session, stored).state is HookState.STORED
