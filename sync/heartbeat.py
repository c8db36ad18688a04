"""Keeps a lease alive while a worker waits for a tool, from a thread of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sync.store.database import Database
from sync.store.runs import LEASE, Lease, LeaseLost, renew_lease

BEAT = LEASE / 4


@contextmanager
def heartbeat(
    database: Database, lease: Lease, now: Callable[[], datetime], beat: timedelta = BEAT
) -> Iterator[threading.Event]:
    """Renews until the block ends; the event is set when the lease was lost meanwhile."""
    stop, lost = threading.Event(), threading.Event()

    def renew() -> None:
        while not stop.wait(beat.total_seconds()):
            try:
                with database.writing() as session:
                    renew_lease(session, lease, now())
            except LeaseLost:
                lost.set()
                return

    thread = threading.Thread(target=renew, name=f"lease-{lease.run_id}", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        stop.set()
        thread.join()
