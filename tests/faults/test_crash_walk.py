"""A worker killed at every commit and call, one point after the other, and what the next one does.

Each walk kills at point 1, then at point 2, until a run is not killed any more. After each kill
another worker takes the run when its lease is over and ends it; then nothing may be lost or double.
"""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.bitrix24.portal.options import SandboxOptions
from connectors.bitrix24.sandbox import create_app
from connectors.models import Stream
from connectors.sandbox.asgi import App, Receive, Scope, Send
from connectors.sandbox.runner import serving
from sync.store.database import Database
from sync.store.runs import LEASE
from sync.tables.runs import RunStatus
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.faults.fuse import Fuse, FusedDatabase, FusedTransport, Killed
from tests.faults.push_case import assert_delivered_once, queue_push
from tests.portal import Mirrored, new_database, store_connection

# More than ten pages of fifty deals, so that a share takes two requests.
TWO_PAGES = 540
V3 = ("crm", "task", "tasks", "user_brief", "userfieldconfig", "im")
V2 = tuple(scope for scope in V3 if scope != "tasks")


def kill(mirrored: Mirrored, run_id: int, at: int) -> str | None:
    """Work on the run with a fuse; what it was killed at, None when it was not."""
    fuse = Fuse(at)
    database = FusedDatabase(mirrored.database.url, fuse)
    doomed = Mirrored(database, mirrored.portal, mirrored.connection_id, mirrored.clock)
    connector = doomed.connector(FusedTransport(fuse))
    try:
        doomed.work(run_id, connector)
    except Killed as killed:
        return str(killed)
    finally:
        connector.close()
        database.close()
    return None


def walk(prepare: Callable[[], tuple[Mirrored, int]], check: Callable[[Mirrored, int], None]) -> int:
    """How many points there were."""
    for at in range(1, 1000):
        mirrored, run_id = prepare()
        killed = kill(mirrored, run_id, at)
        mirrored.finish(run_id)
        try:
            check(mirrored, run_id)
        except AssertionError as error:
            error.add_note(f"killed at point {killed}")
            raise
        mirrored.database.close()
        if killed is None:
            return at - 1
    raise AssertionError("the walk does not end")
