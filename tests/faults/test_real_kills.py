"""Random schedules of edits, faults and SIGKILLs of every part of a service on PostgreSQL and
Redis; when the faults stop and clean runs follow, both sides agree, and no write took effect twice.

RETRO_LAB_KILLS says how many schedules with one kill each, RETRO_LAB_SEED with which seed the edits
and kills are chosen. A failure prints the steps that led to it.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlmodel import col, update

from connectors.models import Stream
from connectors.sandbox.runner import free_port
from sync.merge import Contract, TaskField
from sync.store import outbox
from sync.store.database import Database
from sync.tables.outbox import Outbox
from sync.tables.runs import PUSH, Mode, Run, RunStatus
from sync.vault import new_key
from tests.connectors.bitrix24.kit import sandbox
from tests.faults.cluster import WEIGHTS, Cluster, Part
from tests.faults.world import DEALS, SCOPES, World
from tests.portal import MachineClock, active_runs, store_connection
from tests.postgres import postgres
from tests.waiting import eventually
from workers.clock import machine_now

pytestmark = [pytest.mark.lab, pytest.mark.slow]

SCHEDULES = int(os.environ.get("RETRO_LAB_KILLS", "60"))
SEED = int(os.environ.get("RETRO_LAB_SEED", "1"))
WORLDS = 10
EDITS = 4
QUIET_WITHIN = 90.0
MOST_ROUNDS = 10
# Where no horse is at work it is a worker; of so many some are.
ENOUGH = 10
ONE_LOOK = 0.2
# Not 429: without a moment of its own it lets everybody rest for a minute.
FAULTS = ("503", "html", "cut", "timeout_after", "timeout_before")
METHODS = ("batch", "tasks.task.add", "tasks.task.update")


@contextmanager
def cluster(tmp_path: Path) -> Iterator[tuple[Cluster, Database, str]]:
    """The running service, its database, and the key that its secrets are sealed with."""
    home, key = tmp_path / "home", new_key()
    home.mkdir()
    # Nothing but people and what is at test here changes a task.
    (home / "rules.yaml").write_text("version: 1\nrules: []\n")
    kept = {name: each for name, each in os.environ.items() if not name.startswith("RETRO_")}
    with postgres(survives=True) as server:
        database = server.new_database()
        environ = {
            **kept,
            "RETRO_HOME": str(home),
            "RETRO_DATABASE_URL": database.url,
            "RETRO_SECRET_KEYS": key,
            "RETRO_ALLOW_PRIVATE_HOSTS": "1",
            "RETRO_PORT": str(free_port()),
            "RETRO_WORKERS": "2",
            "LAB_LEASE": "2",
            # Nothing here is about limits: the portals have none.
            "LAB_BUCKET": "20",
        }
        running = Cluster(home, server, environ)
        try:
            yield running, database, key
        finally:
            running.end()
            database.close()


def new_world(database: Database, key: str, number: int, stack: ExitStack) -> World:
    portal = stack.enter_context(
        sandbox(records=DEALS, seed=number + 1, scopes=SCOPES[2 + number % 2])
    )
    connection_id = store_connection(database, portal, f"portal-{number}", key)
    world = World(database, portal, connection_id, f"W{number}", MachineClock())
    contracts = list(Contract)
    world.sides.begin()
    world.sides.agree({field: contracts[number % len(contracts)] for field in TaskField})
    return world


def edit(world: World, choose: random.Random) -> str:
    number = choose.randrange(50)
    field = choose.choice(list(TaskField))
    steps: dict[str, Callable[[], None]] = {
        "plan": world.plan_a_task,
        "comment": lambda: world.comment_on_a_task(number),
        "edit here": lambda: world.edit_a_task(number, field, here=True),
        "edit there": lambda: world.edit_a_task(number, field, here=False),
        "change a deal": lambda: world.change_a_deal(number, number),
        "add a deal": lambda: world.add_a_deal(number),
        "delete a deal": lambda: world.delete_a_deal(number),
        "faults": lambda: world.portal.faults(
            {
                "do": choose.choice(FAULTS),
                "on": {"method": choose.choice(METHODS), "nth": choose.randint(1, 3)},
            }
        ),
    }
    name = choose.choice(list(steps))
    steps[name]()
    return f"{world.name}: {name} {number} {field}"


def no_more_waiting(database: Database) -> None:
    """Pauses after a failure are over."""
    with database.writing() as session:
        session.exec(update(Outbox).values(not_before=None))
        session.exec(
            update(Run)
            .where(col(Run.status) == RunStatus.WAITING)
            .values(waiting_until=machine_now())
        )


def come_to_rest(database: Database) -> None:
    def at_rest() -> bool:
        no_more_waiting(database)
        time.sleep(ONE_LOOK)
        return not active_runs(database)

    eventually(at_rest, within=QUIET_WITHIN)


def settle(database: Database, worlds: list[World]) -> None:
    """Faults stop; workers go on until nothing is left to do."""
    for world in worlds:
        world.portal.faults()
    come_to_rest(database)
    for _ in range(MOST_ROUNDS):
        for mode, streams in ((Mode.PUSH, [PUSH]), (Mode.FULL, [Stream.DEALS, Stream.TASKS])):
            for world in worlds:
                for stream in streams:
                    world.mirrored.queue(stream, mode)
            come_to_rest(database)
        with database.reading() as session:
            if not any(outbox.has_unsent(session, each.connection_id) for each in worlds):
                return
    raise AssertionError("there is always something left to send")


def victims(choose: random.Random) -> list[Part]:
    """What is killed, in turn: every part once, then each by its weight."""
    some = choose.choices(list(WEIGHTS), list(WEIGHTS.values()), k=max(0, SCHEDULES - len(Part)))
    found = [*Part, *some][:SCHEDULES]
    choose.shuffle(found)
    return found


def play(
    cluster: Cluster, worlds: list[World], parts: list[Part], choose: random.Random
) -> Iterator[str]:
    """One schedule of each world, with one kill each, while the service is at work; tells each
    step."""
    database = worlds[0].database
    for world, part in zip(worlds, parts, strict=False):
        for _ in range(EDITS):
            yield edit(world, choose)
        for stream in (Stream.DEALS, Stream.TASKS):
            world.mirrored.queue(stream, choose.choice((Mode.FULL, Mode.INCREMENTAL)))
        killed = cluster.kill(part, choose)
        yield f"kill {killed}"
        if killed is Part.POSTGRES:
            database.close()


@pytest.mark.promise("G1")
@pytest.mark.promise("G5")
@pytest.mark.promise("G9")
@pytest.mark.promise("G10")
def test_whatever_is_killed_both_sides_agree_in_the_end(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    choose = random.Random(SEED)  # not for secrets
    kills = Counter[str]()
    with ExitStack() as stack:
        running, database, key = stack.enter_context(cluster(tmp_path))
        worlds = [new_world(database, key, number, stack) for number in range(WORLDS)]
        running.start()
        running.await_workers()
        parts = victims(choose)
        wanted = {part for part in parts if part is not Part.HORSE or parts.count(part) >= ENOUGH}
        while parts:
            some, parts, steps = parts[:WORLDS], parts[WORLDS:], list[str]()
            try:
                for step in play(running, worlds, some, choose):
                    steps.append(step)
                    kills[step] += step.startswith("kill ")
                settle(database, worlds)
                for world in worlds:
                    world.check()
            except AssertionError as error:
                error.add_note("\n".join([f"seed {SEED}", *steps]))
                raise
            kills["schedules with SIGKILL"] += len(some)
    assert {f"kill {part}" for part in wanted} <= set(+kills), kills
    for name, count in (+kills).items():
        record_property(name, count)
