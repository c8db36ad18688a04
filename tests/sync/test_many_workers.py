"""Several processes on one database at once: what SQLite's write lock gives for free, and what is
asked for by name on PostgreSQL."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from threading import Barrier
from typing import TypeVar

import pytest
from sqlalchemy import func, text
from sqlmodel import select

from connectors.bitrix24.connector import Bitrix24
from connectors.models import Deal, Record, StageChange, StageKind, Stream
from connectors.port import HookEvent as Hint
from connectors.port import Page, Partition, Window
from sync import pull
from sync.pull import Pull
from sync.store import cursors, hooks, outbox, runs, schedules
from sync.store.connections import save_connection
from sync.store.database import Database
from sync.store.intake import take_in
from sync.store.mirror import Feed
from sync.store.outbox import Intention
from sync.store.runs import LEASE, LeaseLost, Worker
from sync.store.schedules import Timing
from sync.tables.connections import Connection, Schedule
from sync.tables.mirror import DealRow
from sync.tables.outbox import Operation, Outbox
from sync.tables.runs import PUSH, HookEvent, Mode, Trigger
from sync.vault import Vault, new_key
from tests.connectors.bitrix24.kit import WEBHOOK, Hands
from tests.postgres import Postgres
from tests.sync.conftest import NOW
from tests.waiting import eventually

AT_ONCE = 4
PATIENCE = 30.0
MOST_TURNS = 2000

T = TypeVar("T")


def all_at_once(database: Database, work: Callable[[Database, int], T]) -> list[T]:
    """What each of several workers comes to, each with a database of its own as a process has."""
    gate = Barrier(AT_ONCE)

    def one(number: int, own: Database) -> T:
        gate.wait(PATIENCE)
        return work(own, number)

    with ExitStack() as open_, ThreadPoolExecutor(AT_ONCE) as pool:
        own = [open_.enter_context(closing(Database(database.url))) for _ in range(AT_ONCE)]
        return list(pool.map(one, range(AT_ONCE), own))


@contextmanager
def beside(work: Callable[[], T]) -> Iterator[Future[T]]:
    """The work under way in another thread; whoever leaves the block waits for its end."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work)


def waits_or_is_done(database: Database, other: Future[T]) -> bool:
    """Whether somebody waits for a lock in this database. SQLite cannot tell: there it is enough
    that the other one has begun."""
    if database.engine.dialect.name == "sqlite":
        return True
    waiting = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with database.reading() as session:
        return other.done() or session.execute(text(waiting)).scalar_one() > 0


def queue(database: Database, connection_id: int, stream: str, mode: Mode) -> int:
    with database.writing() as session:
        run = runs.queue_run(
            session, connection_id, stream, mode=mode, trigger=Trigger.MANUAL, at=NOW
        )
        assert run.id is not None
        return run.id


@pytest.mark.promise("G9")
def test_requests_that_come_at_once_make_one_run(database: Database, connection_id: int) -> None:
    def ask(own: Database, _number: int) -> int:
        return queue(own, connection_id, "deals", Mode.FULL)

    assert len(set(all_at_once(database, ask))) == 1


@pytest.mark.promise("G9")
def test_workers_that_come_at_once_share_a_run_between_them_one_at_a_time(
    database: Database, connection_id: int
) -> None:
    run_id = queue(database, connection_id, "deals", Mode.FULL)

    def take(own: Database, number: int) -> bool:
        with own.writing() as session:
            return runs.take_run(session, run_id, Worker("anna", number), NOW) is not None

    assert Counter(all_at_once(database, take)) == {True: 1, False: AT_ONCE - 1}


def intention(connection_id: int, number: int) -> Intention:
    subject = f"D-{number}"
    return Intention(
        f"task:{subject}", connection_id, Operation.CREATE_TASK, subject, {"key": subject}, []
    )


@pytest.mark.promise("G5")
def test_four_workers_never_get_one_write_twice(database: Database, connection_id: int) -> None:
    """Each takes the run when it is free, delivers a few writes, and gives it back."""
    writes, slice_ = 40, 3
    with database.writing() as session:
        outbox.intend(session, [intention(connection_id, n) for n in range(writes)], NOW)
    run_id = queue(database, connection_id, PUSH, Mode.PUSH)

    def deliver(own: Database, number: int) -> list[str]:
        claimed: list[str] = []
        for _ in range(MOST_TURNS):
            with own.writing() as session:
                lease = runs.take_run(session, run_id, Worker("anna", number), NOW)
            with own.reading() as session:
                ended = not outbox.has_unsent(session, connection_id)
            if lease is None:
                if ended:
                    return claimed
                continue
            for _ in range(slice_):
                with own.writing() as session:
                    runs.hold(session, lease)
                    write = outbox.claim(session, connection_id, NOW)
                if write is None:
                    break
                claimed.append(write.intention.key)
                with own.writing() as session:
                    runs.hold(session, lease)
                    outbox.note_done(session, write.intention.key, run_id, NOW)
            with own.writing() as session:
                runs.release(session, lease, NOW, seconds=0.0)
            if ended:
                return claimed
        raise AssertionError("the outbox is never empty")

    found = [key for each in all_at_once(database, deliver) for key in each]
    assert sorted(found) == sorted({f"task:D-{n}" for n in range(writes)})


@pytest.mark.promise("G5")
def test_plans_applied_at_once_intend_each_write_once_and_in_one_order(
    database: Database, connection_id: int
) -> None:
    def intend(own: Database, number: int) -> int:
        wanted = [intention(connection_id, n) for n in range(number, number + 10)]
        with own.writing() as session:
            return outbox.intend(session, wanted, NOW)

    different = 10 + AT_ONCE - 1
    assert sum(all_at_once(database, intend)) == different
    with database.reading() as session:
        sequences = session.exec(select(Outbox.sequence)).all()
    assert sorted(sequences) == list(range(1, different + 1))


@pytest.mark.promise("G10")
def test_schedulers_claim_each_due_schedule_once(database: Database, connection_id: int) -> None:
    streams = [f"stream-{n}" for n in range(20)]
    with database.writing() as session:
        for stream in streams:
            timing = Timing(every=timedelta(minutes=5))
            schedules.set_schedule(session, connection_id, stream, timing, NOW)

    def claim(own: Database, _number: int) -> list[str]:
        with own.writing() as session:
            return [due.stream for due in schedules.claim_due(session, NOW)]

    found = [stream for each in all_at_once(database, claim) for stream in each]
    assert sorted(found) == sorted(streams)


def test_schedulers_that_start_at_once_make_one_schedule_of_the_rules(database: Database) -> None:
    def start(own: Database, _number: int) -> None:
        with own.writing() as session:
            schedules.ensure_rules(session, timedelta(minutes=15), NOW)

    all_at_once(database, start)
    with database.reading() as session:
        assert session.exec(select(func.count()).select_from(Schedule)).one() == 1


def test_an_event_delivered_at_once_to_several_is_stored_once_and_counted(
    database: Database, connection_id: int
) -> None:
    hint = Hint(stream=Stream.DEALS, ids=("7",), dedupe="event-1")

    def deliver(own: Database, _number: int) -> int | None:
        with own.writing() as session:
            return hooks.store_hint(session, connection_id, hint, NOW)

    assert Counter(all_at_once(database, deliver))[None] == AT_ONCE - 1
    with database.reading() as session:
        assert session.exec(select(HookEvent.deliveries)).all() == [AT_ONCE]


def test_a_name_connected_at_once_by_several_is_one_connection(database: Database) -> None:
    config = Bitrix24.Config.model_validate({"webhook": WEBHOOK})

    def connect(own: Database, _number: int) -> None:
        with own.writing() as session:
            save_connection(
                session,
                Vault([new_key()]),
                kind="bitrix24",
                name="portal",
                config=config,
                account="portal.example",
                sandbox=True,
                at=NOW,
            )

    all_at_once(database, connect)
    with database.reading() as session:
        assert session.exec(select(func.count()).select_from(Connection)).one() == 1


def deal(id_: str, **more: object) -> Deal:
    values: dict[str, object] = {
        "id": id_,
        "title": "Une affaire",
        "pipeline": "0",
        "stage": "WON",
        "stage_kind": StageKind.WON,
        "created_at": NOW,
        "updated_at": NOW,
        "closed_at": NOW,
    }
    return Deal(**{**values, **more})  # type: ignore[arg-type]


@pytest.mark.promise("G9")
def test_a_worker_that_lost_its_run_in_the_middle_of_a_page_is_told_so(
    database: Database, connection_id: int, deals: Feed
) -> None:
    """Its successor commits the same page at that moment: no clash of keys, but a lost lease."""
    run_id = queue(database, connection_id, "deals", Mode.FULL)
    with database.writing() as session:
        old = runs.take_run(session, run_id, Worker("anna", 1), NOW)
        cursors.plan_partitions(session, deals, [Partition("0", "", None)])
    later = NOW + LEASE * 2
    with database.writing() as session:
        new = runs.take_run(session, run_id, Worker("boris", 2), later)
    assert old is not None
    assert new is not None
    page: Page[Record] = Page([deal("1"), deal("2")], position="2")
    with closing(Database(database.url)) as own:
        connector = Bitrix24(Bitrix24.Config.model_validate({"webhook": WEBHOOK}), Hands().wire())
        late = Pull(own, connector, deals, old, lambda: NOW)

        def commit() -> None:
            pull._commit_page(late, Window(None), Partition("0", "", None), page)

        with ExitStack() as stack:
            with database.writing() as session:
                runs.hold(session, new)
                take_in(session, deals, page.records, (), run_id=run_id, at=later)
                session.flush()
                other = stack.enter_context(beside(commit))
                eventually(lambda: waits_or_is_done(database, other))
            with pytest.raises(LeaseLost):
                other.result(PATIENCE)
        connector.close()


def test_a_deal_and_its_closing_move_that_are_committed_at_once_find_each_other(
    database: Database, connection_id: int, deals: Feed
) -> None:
    runs_of = {
        stream: queue(database, connection_id, stream, Mode.FULL)
        for stream in ("deals", "stage_changes")
    }
    moves = Feed(connection_id, Stream.STAGE_CHANGES)
    ended = NOW - timedelta(days=3)
    move = StageChange(
        id="deals:1",
        entity="deals",
        entity_id="7",
        stage="WON",
        stage_kind=StageKind.WON,
        closing=True,
        at=ended,
        pipeline="0",
    )
    with closing(Database(database.url)) as own, ExitStack() as stack:

        def save_moves() -> None:
            with own.writing() as session:
                take_in(session, moves, [move], (), run_id=runs_of["stage_changes"], at=NOW)

        with database.writing() as session:
            take_in(session, deals, [deal("7")], (), run_id=runs_of["deals"], at=NOW)
            other = stack.enter_context(beside(save_moves))
            eventually(lambda: waits_or_is_done(database, other))
        other.result(PATIENCE)
    with database.reading() as session:
        assert session.exec(select(DealRow.final_at)).all() == [ended]


def test_processes_that_start_at_once_upgrade_an_empty_database_once(
    postgres_server: Postgres,
) -> None:
    with closing(postgres_server.empty_database()) as database:
        all_at_once(database, lambda own, _number: own.upgrade())
        assert database.revision() is not None
