"""The page shows what runs, what came in and what waits."""

from datetime import UTC, datetime, timedelta

import httpx

from sync.store import cancelling, runs
from sync.store.runs import Progress, Worker
from sync.tables.runs import Mode, RunStatus
from tests.web.rows import (
    certificate,
    fill,
    finished,
    queue,
    save_portal,
)
from tests.web.test_overview import page
from workers.app import App


def test_a_run_shows_what_came_in_and_its_certificate(app: App, client: httpx.Client) -> None:
    portal = save_portal(app)
    with app.database.writing() as session:
        finished(
            session,
            portal,
            "deals",
            Progress(read=1200, created=1198, set_aside=2, requests=41),
            complete=True,
            certificate=certificate(1198, 1198),
        )
        finished(
            session,
            portal,
            "leads",
            Progress(read=10),
            status=RunStatus.INCOMPLETE,
            complete=False,
            certificate=certificate(3000, 2970, held_back=30),
        )
        finished(session, portal, "push", Progress(read=4, created=3, set_aside=1), mode=Mode.PUSH)
    text = page(client).text
    assert "deals portal 1 · full · by schedule succeeded" in text
    assert "1,200 read, 1,198 new, 2 set aside, 41 requests" in text
    assert "complete 1,198 in the tool, 1,198 here, 2 set aside" in text
    assert (
        "incomplete 3,000 in the tool, 2,970 here, the records are not the same, 2 set aside, "
        "30 deletes held back"
    ) in text
    assert "2026-11-23 10:00 took 6.1 s worker-1.example process 4711" in text
    assert "push to the tool portal 3 · by schedule succeeded 4 handled, 3 new, 1 refused" in text
    assert "1\u202f200 lus" in client.get("/?lang=fr").text


def test_a_run_that_waits_says_for_what(app: App, client: httpx.Client) -> None:
    fill(app)
    english, french = page(client).text, page(client, "fr").text
    for told in (
        "then goes on by itself.",
        "Waits for a free worker.",
        "No worker has taken it yet. Start the service, if it is not running: retro run",
        "Its worker is gone; it is taken up again by itself within a minute.",
    ):
        assert english.count(told) == 1
    assert french.count("puis reprend d'elle-même.") == 1


def test_a_run_between_two_slices_is_not_taken_for_forgotten(
    app: App, client: httpx.Client
) -> None:
    portal, long_ago = save_portal(app), datetime.now(UTC) - timedelta(hours=1)
    with app.database.writing() as session:
        run = queue(session, portal, "deals", long_ago)
        assert run.id is not None
        lease = runs.take_run(session, run.id, Worker("worker-1.example", 4711), long_ago)
        assert lease is not None
        runs.release(session, lease, long_ago, seconds=240.0)
    text = page(client).text
    assert "Waits for a free worker." in text
    assert "No worker has taken it yet." not in text


def test_a_stream_that_is_read_every_second_hides_no_other(app: App, client: httpx.Client) -> None:
    portal, second = save_portal(app), save_portal(app, "second")
    with app.database.writing() as session:
        finished(session, portal, "people", Progress(read=11))
        finished(session, second, "deals", Progress(read=7))
        for read in range(60):
            finished(session, portal, "deals", Progress(read=1000 + read))
    text = page(client).text
    assert text.index("deals portal") < text.index("deals second") < text.index("people portal")
    assert "11 read" in text
    assert "1,059 read" in text
    assert "1,058 read" not in text


def test_a_pull_under_way_shows_how_far_it_is_and_that_it_was_asked_to_end(
    app: App, client: httpx.Client
) -> None:
    portal, now = save_portal(app), datetime.now(UTC)
    began = now - timedelta(minutes=2)
    with app.database.writing() as session:
        run = queue(session, portal, "deals", began)
        assert run.id is not None
        lease = runs.take_run(session, run.id, Worker("worker-1.example", 4711), began)
        assert lease is not None
        runs.begin_window(session, lease, mode=Mode.FULL, window_start=None, expected=3000)
        runs.advance(session, lease, Progress(read=1000), now)
        cancelling.cancel_run(session, run.id, now)
    english, french = page(client).text, page(client, "fr").text
    assert "1,000 read of about 3,000, about 4 min left" in english
    assert "it ends after the page it reads" in english
    assert "sur 3 000 environ" in french
