"""When schedules fall due: once for each local time, in both nights of the clock change too."""

from datetime import UTC, datetime, timedelta

import pytest

from sync.store import schedules
from sync.store.database import Database
from sync.store.schedules import Timing, next_tick
from sync.tables.connections import Missed, Schedule
from sync.tables.runs import Mode
from tests.sync.conftest import NOW

PARIS = "Europe/Paris"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ticks(cron: str, after: str, count: int, tz: str = PARIS) -> list[str]:
    moment, found = at(after), []
    for _ in range(count):
        moment = next_tick(cron, tz, moment)
        found.append(f"{moment:%m-%dT%H:%M}")
    return found


def test_a_time_that_comes_twice_in_autumn_is_due_once() -> None:
    """Paris goes from UTC+2 to UTC+1 on 25 October 2026 at 03:00."""
    assert ticks("30 2 * * *", "2026-10-24T12:00", 2) == ["10-25T00:30", "10-26T01:30"]
    assert ticks("*/30 2 * * *", "2026-10-24T12:00", 3) == [
        "10-25T00:00",
        "10-25T00:30",
        "10-26T01:00",
    ]


@pytest.mark.parametrize("after", ["00:30", "00:59", "01:00", "01:29", "01:30", "01:59"])
def test_the_second_round_of_the_hour_brings_nothing_back(after: str) -> None:
    assert ticks("30 2 * * *", f"2026-10-25T{after}", 1) == ["10-26T01:30"]
    assert ticks("0 * * * *", f"2026-10-25T{after}", 1) == ["10-25T02:00"]


def test_a_time_that_is_skipped_in_spring_is_due_an_hour_later_once() -> None:
    """Paris goes from UTC+1 to UTC+2 on 29 March 2026 at 02:00: 02:30 does not exist."""
    assert ticks("30 2 * * *", "2026-03-28T00:00", 3) == [
        "03-28T01:30",
        "03-29T01:30",
        "03-30T00:30",
    ]
    # It stands at 03:30, which an hourly line meets once.
    assert ticks("30 * * * *", "2026-03-29T00:00", 3) == [
        "03-29T00:30",
        "03-29T01:30",
        "03-29T02:30",
    ]


@pytest.mark.parametrize("after", ["00:59", "01:00", "01:10", "01:29"])
def test_the_skipped_time_is_not_lost_for_who_asks_within_the_hour(after: str) -> None:
    assert ticks("30 2 * * *", f"2026-03-29T{after}", 1) == ["03-29T01:30"]


def test_a_zone_that_moves_by_half_an_hour_is_no_exception() -> None:
    """Lord Howe skips 02:00 to 02:30 on 4 October 2026 and repeats 01:30 to 02:00 on 5 April."""
    howe = "Australia/Lord_Howe"
    assert ticks("15 2 * * *", "2026-10-02T16:00", 2, howe) == ["10-03T15:45", "10-04T15:15"]
    assert ticks("45 1 * * *", "2026-04-04T00:00", 2, howe) == ["04-04T14:45", "04-05T15:15"]


def schedule(database: Database, connection_id: int, timing: Timing, now: datetime = NOW) -> None:
    with database.writing() as session:
        schedules.set_schedule(session, connection_id, "deals", timing, now)


def claim(database: Database, now: datetime) -> list[tuple[str, bool]]:
    with database.writing() as session:
        return [(due.stream, due.run) for due in schedules.claim_due(session, now)]


def kept(database: Database) -> Schedule:
    with database.reading() as session:
        (row,) = schedules.all_schedules(session)
        return row


def test_what_is_due_is_claimed_once_and_moved_on(database: Database, connection_id: int) -> None:
    schedule(database, connection_id, Timing(every=timedelta(minutes=15)))
    assert claim(database, NOW - timedelta(seconds=1)) == []
    assert claim(database, NOW + timedelta(seconds=2)) == [("deals", True)]
    assert claim(database, NOW + timedelta(seconds=2)) == []
    row = kept(database)
    assert row.next_run_at == NOW + timedelta(minutes=15)
    assert row.last_run_at == NOW + timedelta(seconds=2)


@pytest.mark.parametrize(("missed", "run"), [(Missed.SKIP, False), (Missed.ONCE, True)])
@pytest.mark.parametrize(
    ("timing", "following"),
    [
        (Timing(every=timedelta(minutes=15)), NOW + timedelta(hours=3, minutes=15)),
        (Timing(cron="0 * * * *", tz=PARIS), NOW + timedelta(hours=4)),
    ],
    ids=["interval", "cron"],
)
def test_missed_runs_are_made_up_for_by_one_or_by_none(
    database: Database,
    connection_id: int,
    timing: Timing,
    following: datetime,
    missed: Missed,
    run: bool,
) -> None:
    schedule(database, connection_id, Timing(timing.every, timing.cron, timing.tz, missed))
    three_hours_later = NOW + timedelta(hours=3, minutes=1)
    assert claim(database, three_hours_later) == [("deals", run)]
    assert kept(database).next_run_at == following
    assert claim(database, following) == [("deals", True)]


def test_a_little_late_is_not_missed(database: Database, connection_id: int) -> None:
    schedule(database, connection_id, Timing(every=timedelta(hours=1), missed=Missed.SKIP))
    assert claim(database, NOW + timedelta(minutes=4)) == [("deals", True)]


def test_what_waits_for_a_run_under_way_is_not_skipped_as_long_as_somebody_looks(
    database: Database, connection_id: int
) -> None:
    """Skipped is what was due while nothing ran."""
    daily = Timing(cron="0 3 * * *", missed=Missed.SKIP)
    schedule(database, connection_id, daily)
    due = next_tick("0 3 * * *", PARIS, NOW)
    for minutes in range(0, 60, 4):
        with database.writing() as session:
            (claimed,) = schedules.claim_due(session, due + timedelta(minutes=minutes))
            assert claimed.run
            schedules.due_again(session, claimed)
    assert claim(database, due + timedelta(minutes=56 + 6)) == [("deals", False)]


def test_a_schedule_that_is_off_is_not_due_and_keeps_its_timing(
    database: Database, connection_id: int
) -> None:
    schedule(database, connection_id, Timing(every=timedelta(hours=1)))
    with database.writing() as session:
        assert len(schedules.turn_off(session, connection_id, "deals")) == 1
        schedules.due_now(session, NOW)
        assert not schedules.any_due(session, NOW + timedelta(days=1))
    assert claim(database, NOW + timedelta(days=1)) == []
    assert (kept(database).enabled, kept(database).every_seconds) == (False, 3600.0)
    schedule(database, connection_id, Timing(every=timedelta(hours=1)), NOW + timedelta(days=1))
    assert claim(database, NOW + timedelta(days=1)) == [("deals", True)]


HOURLY, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def test_jitter_puts_a_run_off_and_does_not_add_up(database: Database, connection_id: int) -> None:
    schedule(database, connection_id, Timing(every=HOURLY, jitter=10 * MINUTE))
    moment = NOW
    for hour in range(1, 6):
        with database.writing() as session:
            (due,) = schedules.claim_due(session, moment, lambda: 0.9)
        assert due.due_at == moment
        moment = kept(database).next_run_at
        assert moment == NOW + hour * HOURLY + 9 * MINUTE


def test_each_schedule_has_a_jitter_of_its_own(database: Database, connection_id: int) -> None:
    timing = Timing(every=HOURLY, jitter=10 * MINUTE)
    draws = iter([0.1, 0.5])
    with database.writing() as session:
        for stream in ("deals", "leads"):
            schedules.set_schedule(session, connection_id, stream, timing, NOW)
        schedules.claim_due(session, NOW, lambda: next(draws))
        moments = [row.next_run_at for row in schedules.all_schedules(session)]
    assert moments == [NOW + HOURLY + MINUTE, NOW + HOURLY + 5 * MINUTE]


def late(database: Database, now: datetime) -> bool:
    with database.reading() as session:
        return bool(schedules.overdue(session, now))


@pytest.mark.promise("G15")
@pytest.mark.parametrize(
    ("timing", "allowed"),
    [
        (Timing(every=timedelta(seconds=5)), timedelta(minutes=5)),
        (Timing(every=timedelta(minutes=15)), timedelta(minutes=30)),
        (Timing(cron="0 * * * *", tz=PARIS), timedelta(hours=2)),
    ],
    ids=["seconds", "interval", "cron"],
)
def test_a_schedule_that_nobody_claims_did_not_run(
    database: Database, connection_id: int, timing: Timing, allowed: timedelta
) -> None:
    schedule(database, connection_id, timing)
    due = kept(database).next_run_at
    assert not late(database, due + allowed)
    at = due + allowed + timedelta(seconds=1)
    assert late(database, at)
    with database.writing() as session:
        (claimed,) = schedules.claim_due(session, at)
    assert claimed.alarmed
    assert not late(database, at)


@pytest.mark.promise("G15")
def test_a_schedule_that_is_off_is_no_alarm(database: Database, connection_id: int) -> None:
    schedule(database, connection_id, Timing(every=timedelta(minutes=15)))
    with database.writing() as session:
        schedules.turn_off(session, connection_id)
    assert not late(database, NOW + timedelta(days=9))


@pytest.mark.promise("G11")
def test_a_stream_has_a_schedule_for_what_changed_and_one_for_everything(
    database: Database, connection_id: int
) -> None:
    schedule(database, connection_id, Timing(every=timedelta(minutes=15)))
    with database.writing() as session:
        nightly = Timing(cron="0 3 * * *", tz=PARIS)
        schedules.set_schedule(session, connection_id, "deals", nightly, NOW, Mode.FULL)
    night = at("2026-11-24T02:00")
    with database.writing() as session:
        claimed = [(due.mode, due.run) for due in schedules.claim_due(session, night)]
    assert claimed == [(Mode.INCREMENTAL, True), (Mode.FULL, True)]


@pytest.mark.promise("G15")
def test_a_clock_set_back_by_an_hour_costs_no_hour_of_an_interval(
    database: Database, connection_id: int
) -> None:
    back = NOW - timedelta(hours=1)
    with database.writing() as session:
        quarter = Timing(every=timedelta(minutes=15))
        schedules.set_schedule(session, connection_id, "deals", quarter, NOW)
        schedules.set_schedule(session, connection_id, "leads", Timing(cron="30 9 * * *"), NOW)
        schedules.claim_due(session, NOW)
        schedules.bring_back(session, NOW)
        assert schedules.claim_due(session, NOW) == []
        schedules.bring_back(session, back)
        assert [each.stream for each in schedules.claim_due(session, back)] == ["deals"]


@pytest.mark.promise("G15")
@pytest.mark.parametrize("since_last", [timedelta(minutes=1), timedelta(minutes=59)])
def test_it_costs_no_hour_either_of_an_interval_as_long_as_it_was_set_back_by(
    database: Database, connection_id: int, since_last: timedelta
) -> None:
    schedule(database, connection_id, Timing(every=timedelta(hours=1)))
    assert claim(database, NOW) == [("deals", True)]
    back = NOW + since_last - timedelta(hours=1)
    assert claim(database, back) == []
    with database.writing() as session:
        schedules.bring_back(session, back)
    assert claim(database, back) == [("deals", True)]
    assert claim(database, back) == []


@pytest.mark.promise("G15")
def test_a_clock_set_back_by_an_hour_costs_no_hour_of_a_cron_line(
    database: Database, connection_id: int
) -> None:
    jitter = timedelta(minutes=1)
    schedule(database, connection_id, Timing(cron="*/15 * * * *", jitter=jitter))
    assert claim(database, NOW + timedelta(minutes=15)) == [("deals", True)]
    back = NOW + timedelta(minutes=20) - timedelta(hours=1)
    with database.writing() as session:
        schedules.bring_back(session, back)
    tick = NOW - timedelta(minutes=30)
    assert claim(database, tick - timedelta(seconds=1)) == []
    assert claim(database, tick) == [("deals", True)]


@pytest.mark.promise("G15")
@pytest.mark.parametrize(
    "timing",
    [
        Timing(every=timedelta(minutes=15), jitter=timedelta(minutes=2)),
        Timing(cron="0 * * * *", jitter=timedelta(minutes=2)),
    ],
)
def test_a_scheduler_whose_clock_is_a_little_behind_makes_nothing_due_twice(
    database: Database, connection_id: int, timing: Timing
) -> None:
    schedule(database, connection_id, timing, NOW - timedelta(hours=1))
    with database.writing() as session:
        assert len(schedules.claim_due(session, NOW, lambda: 0.99)) == 1
    for behind in (timedelta(seconds=20), timedelta(seconds=1), timedelta(0)):
        with database.writing() as session:
            schedules.bring_back(session, NOW - behind)
    assert claim(database, NOW + timedelta(minutes=14)) == []
