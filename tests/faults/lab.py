"""The world of one process: a portal without sockets, and workers that die by an exception."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import func
from sqlmodel import Session, select

from connectors.bitrix24.connector import Bitrix24
from connectors.bitrix24.portal.options import SandboxOptions
from connectors.bitrix24.sandbox import create_app, settings
from connectors.errors import AuthFailed, ConnectorError, TryLater
from connectors.models import Stream
from connectors.sandbox.delivery import Courier, Delivery
from sync.hints import read_again
from sync.merge import Contract, TaskField
from sync.reconcile_tasks import Now, reconcile_tasks
from sync.store import hooks, outbox, runs
from sync.store.runs import LEASE
from sync.tables.agreements import Outcome
from sync.tables.runs import PUSH, HookEvent, Mode, Run, RunStatus
from tests.connectors.bitrix24.kit import Hands, Sandbox
from tests.faults.fuse import Fuse, FusedDatabase, FusedTransport, Killed
from tests.faults.in_process import NOWHERE, InProcess
from tests.faults.world import DEALS, SCOPES, World
from tests.portal import (
    CUSTOM,
    NOW,
    QUALIFIED,
    Mirrored,
    active_runs,
    new_database,
    store_connection,
)

# Faults that await a worker's requests.
Plan = Sequence[Mapping[str, object]]
MOST_ROUNDS = 40


@cache
def _shelf() -> "Shelf":
    return Shelf()


class Shelf:
    """The one file in which worlds follow each other: its engine remembers how statements are
    compiled. How they begin is made once for each portal and copied."""

    def __init__(self) -> None:
        self.folder = TemporaryDirectory(prefix="lab")
        self.file = Path(self.folder.name) / "retro.db"
        self.database = new_database(self.file)
        self.begun: dict[str, tuple[int, bytes]] = {}

    def world(self, portal: Sandbox, name: str, *, pulled: bool) -> int:
        """Put the world of that name into the file as it begins, its deals pulled or not; the id of
        its connection."""
        self._clear()
        if name not in self.begun:
            new_database(self.file).close()
            world = World(self.database, portal, store_connection(self.database, portal))
            world.sides.begin()
            if pulled:
                world.mirrored.pull(Stream.DEALS)
            self._clear()
            self.begun[name] = world.connection_id, self.file.read_bytes()
        connection_id, content = self.begun[name]
        self.file.write_bytes(content)
        return connection_id

    def _clear(self) -> None:
        """Closed by the last that had it open, everything is in the one file."""
        self.database.close()
        for file in self.file.parent.iterdir():
            if file != self.file:
                file.unlink()


class Post(Courier):
    """Keeps what the portal sends of itself; whoever delivers it chooses what, when, how often."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Delivery] = []

    def send(self, delivery: Delivery) -> None:
        self.sent.append(delivery)


class WorldInProcess(World):
    """`rest` is the newest REST version that the portal offers."""

    def __init__(
        self, seed: int, rest: int, contracts: Mapping[TaskField, Contract], *, pulled: bool
    ) -> None:
        options = SandboxOptions(
            records=DEALS, seed=seed, limit="off", scopes=SCOPES[rest], start_at=NOW, frozen=True
        )
        self.post = Post()
        app = create_app(options, courier=self.post)
        self.transport = InProcess(app, on_delay=lambda s: self.wait(timedelta(seconds=s)))
        portal = Sandbox(options, NOWHERE, transport=self.transport)
        webhook = {"url": NOWHERE, "events": []}
        portal.http.put("/_sandbox/outgoing-webhook", json=webhook).raise_for_status()
        shelf = _shelf()
        begun = shelf.world(portal, f"{seed} {rest} {pulled}", pulled=pulled)
        super().__init__(shelf.database, portal, begun)
        self.sides.agree(contracts)

    def end(self) -> None:
        self.met.update(f"fault {each['fault']}" for each in self.portal.log() if each["fault"])
        self.portal.http.close()
        self.transport.end()

    def wait(self, by: timedelta) -> None:
        self.clock.advance(by)
        moment = {"now": self.clock.moment.isoformat(), "running": False}
        self.portal.http.put("/_sandbox/clock", json=moment).raise_for_status()

    def edit_a_task(self, number: int, name: TaskField, *, here: bool) -> None:
        """A person comes a second after what was there before: within one, nothing tells a change
        back from what was read before ours."""
        if not here:
            self.wait(timedelta(seconds=1))
        super().edit_a_task(number, name, here=here)

    def clash_over_a_task(self, number: int, name: TaskField, outcome: Outcome | None) -> None:
        """Both sides change a field and learn of each other; somebody settles it, or not yet."""
        if not self.keys:
            return
        key = self.keys[number % len(self.keys)]
        self.sides.edit_here(key, name, number, self.clock.now())
        self.wait(timedelta(seconds=1))
        self.sides.edit_there(key, name, number + 1)
        self.work(Stream.TASKS, Mode.INCREMENTAL, None)
        if outcome is not None:
            self.settle_a_conflict(number, outcome)

    def undo(self, number: int, *, anew: bool) -> None:
        """Taken back by the next push; `anew`: at once, and then something is tried again."""
        self.undo_a_push(number)
        if anew:
            self.push()
            self.retry_a_write(number)

    def pass_time(self, minutes: int) -> None:
        self.wait(timedelta(minutes=minutes))

    def pull(self, stream: Stream, *, full: bool, plan: Plan, killed_at: int | None) -> None:
        with self._failing(plan):
            self.work(stream, Mode.FULL if full else Mode.INCREMENTAL, killed_at)

    def push(self, plan: Plan = (), killed_at: int | None = None) -> None:
        with self._failing(plan):
            self.work(PUSH, Mode.PUSH, killed_at)

    @contextmanager
    def _failing(self, plan: Plan) -> Iterator[None]:
        """People meet no faults: what they do is what is to be kept."""
        if not plan:
            yield
            return
        self.portal.faults(*plan)
        yield
        self.portal.faults()

    def work(self, stream: str, mode: Mode, killed_at: int | None) -> RunStatus | None:
        """One slice of a run, by a worker that dies at a point, or not; None when it died."""
        with self._worker(killed_at) as (mirrored, connector):
            lease = mirrored.take_if_free(mirrored.queue(stream, mode))
            if lease is None:
                return None
            begun = mirrored.run(lease.run_id).started_at
            settled = begun and begun - connector.lag - connector.longest_call
            merge = self._merge_of(stream, settled)
            return mirrored.work(lease.run_id, connector, lease, **merge)
        return None

    def hear(self, number: int, times: int, *, plan: Plan, killed_at: int | None) -> None:
        """One of the webhooks that the portal ever sent arrives: out of turn, late, once more."""
        if not self.post.sent:
            return
        body = self.post.sent[number % len(self.post.sent)].body
        with self._failing(plan), self._worker(killed_at) as (mirrored, connector):
            for hint in (hint for _ in range(times) for hint in connector.verify_hook({}, body)):
                with mirrored.database.writing() as session:
                    hooks.store_hint(session, self.connection_id, hint, mirrored.now())
            self.met["webhooks"] += times
            with mirrored.database.reading() as session:
                stored = hooks.stored_hints(session)
            for event in stored:
                self._apply(mirrored, connector, event)

    def refuse_a_forged_webhook(self, number: int) -> None:
        """What somebody sends who does not know the portal's token."""
        if not self.post.sent:
            return
        body = self.post.sent[number % len(self.post.sent)].body
        token = settings(self.portal.options, NOWHERE)["application_token"].encode()
        assert token in body
        with self._worker(None) as (_, connector), pytest.raises(AuthFailed):
            connector.verify_hook({}, body.replace(token, b"guessed"))
        self.met["forged webhooks"] += 1

    def _apply(self, mirrored: Mirrored, connector: Bitrix24, event: HookEvent) -> None:
        """While a run of its stream is under way the event stays stored."""
        feed = mirrored.feed(Stream(event.stream))
        if event.stream in (run.stream for run in active_runs(mirrored.database)):
            return
        lease = mirrored.take_if_free(mirrored.queue(feed.stream, Mode.INCREMENTAL, hook=True))
        assert lease is not None
        assert event.id is not None
        try:
            read_again(
                mirrored.database,
                connector,
                feed,
                lease,
                event.record_ids,
                mirrored.now,
                **self._merge_of(feed.stream),
            )
        except ConnectorError as error:
            with mirrored.database.writing() as session:
                runs.finish(session, lease, RunStatus.FAILED, mirrored.now(), seconds=0.0)
                if not isinstance(error, TryLater):
                    hooks.note_failed(session, event.id, event.deliveries, mirrored.now())
            return
        with mirrored.database.writing() as session:
            hooks.note_applied(session, event.id, event.deliveries, mirrored.now())

    @contextmanager
    def _worker(self, killed_at: int | None) -> Iterator[tuple[Mirrored, Bitrix24]]:
        """With a database and a connector of its own. It may die; then the block ends."""
        fuse = Fuse(killed_at or 10**9)
        database = FusedDatabase.sharing(self.database, fuse)
        mirrored = Mirrored(database, self.portal, self.connection_id, self.clock)
        plain = self.portal.connector(fields=CUSTOM, qualified_stages=[QUALIFIED])
        transport = FusedTransport(fuse, inner=self.transport)
        connector = Bitrix24(plain.config, Hands().wire(transport))
        try:
            yield mirrored, connector
        except Killed:
            self.met["kills"] += 1
        finally:
            connector.close()
            plain.close()

    def _merge_of(
        self, stream: str, settled: datetime | None = None
    ) -> dict[str, Callable[[Session], None]]:
        """As the product ends a run of tasks."""

        def merge(session: Session) -> None:
            now, meaning = Now(self.clock.now(), self.clock.now()), self.sides.meaning
            reconcile_tasks(session, self.connection_id, meaning, now, settled=settled)

        return {"at_end": merge} if stream == Stream.TASKS else {}

    def settle(self) -> None:
        """Workers go on until nothing is left to do."""
        self._finish(Stream.DEALS, Mode.FULL)
        for _ in range(MOST_ROUNDS):
            # What a push leaves to be settled may be moot once the tasks are read.
            ended = self._finish(PUSH, Mode.PUSH, (RunStatus.SUCCEEDED, RunStatus.INCOMPLETE))
            self._finish(Stream.TASKS, Mode.FULL)
            with self.database.reading() as session:
                left = outbox.has_unsent(session, self.connection_id)
            if ended is RunStatus.SUCCEEDED and not left:
                return
        raise AssertionError("there is always something left to send")

    def _finish(
        self, stream: str, mode: Mode, ends: Collection[RunStatus] = (RunStatus.SUCCEEDED,)
    ) -> RunStatus:
        before = self._last(stream)
        for _ in range(MOST_ROUNDS):
            self.wait(LEASE * 4 + timedelta(minutes=11))
            status = self.work(stream, mode, None)
            if status in ends and self._last(stream) != before:
                return status
        raise AssertionError(f"{stream} does not come to an end")

    def _last(self, stream: str) -> int | None:
        """The run that was queued last: one that was under way before read what there was then."""
        with self.database.reading() as session:
            return session.exec(select(func.max(Run.id)).where(Run.stream == stream)).one()
