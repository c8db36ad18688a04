"""Keeps a lease alive while a worker waits for a tool, from a thread of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from sync.store.database import Database
from sync.store.runs import LEASE, Lease, LeaseLost, renew_lease

BEAT = LEASE / 4


@contextmanager
def heartbeat(
    database: Database, lease: Lease, now: Callable[[], datetime], beat: timedelta = BEAT
) -> Iterator[threading.Event]:
    """Renews until the block ends; the event is set when the lease was lost meanwhile.

    A database that is busy or away is asked again, as long as the lease holds by machine time.
    """
    stop, lost = threading.Event(), threading.Event()

    def renew() -> None:
        held_until = now() + LEASE
        try:
            while not stop.wait(beat.total_seconds()):
                at = now()
                try:
                    with database.writing() as session:
                        renew_lease(session, lease, at)
                    held_until = at + LEASE
                except LeaseLost:
                    return
                except SQLAlchemyError:
                    if now() >= held_until:
                        return
        finally:
            # Whatever ends the beats, the worker must not go on as if they went on.
            if not stop.is_set():
                lost.set()

    thread = threading.Thread(target=renew, name=f"lease-{lease.run_id}", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        stop.set()
        thread.join()
