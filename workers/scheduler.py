"""The loop that makes work due and hands on what was left lying.

Any number of schedulers may run. Due schedules are claimed in the database; runs, hints and writes
that nobody works on are rung for again, and so are the rules until they have looked, so that an
emptied Redis or a killed worker costs seconds.
"""

import logging
import random
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.exceptions import RedisError
from sqlmodel import Session

from sync.store import hooks, pushes, rules_due, runs, schedules
from sync.store.database import DATABASE_AWAY
from sync.store.schedules import Due
from sync.tables.connections import Connection, ConnectionState
from sync.tables.runs import PUSH, Mode, Run, RunStatus, Trigger
from workers import doorbell
from workers.app import App
from workers.clock import ClockUnreachable
from workers.errors import one_line
from workers.readiness import forget_scheduler, note_scheduler

log = logging.getLogger(__name__)

TICK_SECONDS = 0.5
RECONCILE_SECONDS = 15.0
RULES_EVERY = timedelta(minutes=15)
# Waits in a row that brought nothing: one or two are how a limit is kept.
IN_VAIN = 3


@dataclass
class Scheduler:
    app: App
    reconciled_at: float = float("-inf")
    knows_rules: bool = False
    trouble: str = ""

    def run(self, stop: threading.Event) -> None:
        """Ticks until `stop` is set. Trouble with a server is logged once and tried again."""
        while not stop.is_set():
            try:
                self._round()
                trouble = ""
            except (RedisError, *DATABASE_AWAY, ClockUnreachable) as error:
                trouble = one_line(error)
            if trouble != self.trouble:
                log.warning("The scheduler %s", f"waits: {trouble}" if trouble else "goes on.")
            self.trouble = trouble
            stop.wait(TICK_SECONDS)
        forget_scheduler(self.app)

    def _round(self) -> None:
        if not self.knows_rules:
            with self.app.database.writing() as session:
                schedules.ensure_rules(session, RULES_EVERY, self.app.clock.now())
            self.knows_rules = True
        self.tick()
        if time.monotonic() - self.reconciled_at >= RECONCILE_SECONDS:
            self.reconcile()
            note_scheduler(self.app)
            self.reconciled_at = time.monotonic()

    def tick(self) -> None:
        """Queue what is due now, by business time."""
        now = self.app.clock.now()
        with self.app.database.reading() as session:
            if not schedules.any_due(session, now):
                return
        with self.app.database.writing() as session:
            claimed = schedules.claim_due(session, now, random.random)
            due = [each for each in claimed if each.run]
            for_rules = any(each.stream == schedules.RULES for each in due)
            if for_rules:
                rules_due.ask_by_clock(session)
            queued = [run for each in due if (run := self._queue(session, each))]
            late = [(each, _name(session, each)) for each in claimed if each.alarmed]
        for each, name in late:
            log.warning("%s did not run: it was due at %s.", name, f"{each.due_at:%F %H:%M} UTC")
        for run in queued:
            doorbell.ring_for_run(self.app, run)
        if for_rules:
            doorbell.ring_for_rules(self.app)

    def reconcile(self) -> None:
        """Ring again for everything that is due in the database and that nobody works on (G10)."""
        now, business = self.app.database.now(), self.app.clock.now()
        with self.app.database.writing() as session:
            schedules.bring_back(session, business)
            pushes.queue_pushes(session, now)
            lying = list(runs.runs_to_enqueue(session, now))
            hints = [event.id for event in hooks.stored_hints(session) if event.id is not None]
            for_rules = rules_due.rules_are_due(session)
        for run in lying:
            doorbell.ring_for_run(self.app, run)
        for event_id in hints:
            doorbell.ring_for_hook(self.app, event_id)
        if for_rules:
            doorbell.ring_for_rules(self.app)

    def _queue(self, session: Session, due: Due) -> Run | None:
        if due.connection_id is None:
            return None
        connection = session.get_one(Connection, due.connection_id)
        if connection.state is ConnectionState.PAUSED:
            return None
        mode = Mode.PUSH if due.stream == PUSH else due.mode
        now, trigger = self.app.database.now(), Trigger.SCHEDULE
        run = runs.queue_run(
            session, due.connection_id, due.stream, mode=mode, trigger=trigger, at=now
        )
        if not runs.serves(run, mode) or _lies(run, now):
            schedules.due_again(session, due)
        return run


def _lies(run: Run, now: datetime) -> bool:
    """Whether it was queued before and no worker is at it, or it waits again and again and brings
    nothing: then its schedule does not run."""
    if run.status is RunStatus.WAITING:
        return run.stalled >= IN_VAIN
    if run.queued_at >= now:
        return False
    return run.lease_until is None or run.lease_until < now


def _name(session: Session, due: Due) -> str:
    """In the log."""
    if due.connection_id is None:
        return f"The schedule of {due.stream}"
    connection = session.get_one(Connection, due.connection_id)
    full = ", all of it," if due.mode is Mode.FULL else ""
    return f"The schedule of {connection.name}: {due.stream}{full}"
