"""Dry runs of pushes, and what a plan will cost in calls."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any

from connectors.budget import Limiter
from connectors.capabilities import RehearsesWrites
from connectors.errors import ConnectorError, RateLimited
from connectors.rehearsal import Rehearsal
from sync.rehearsal import DryRun, rehearse
from sync.store.outbox import Intention
from sync.tables.connections import Connection
from sync.tables.runs import RunStatus
from sync.vault import SecretsUnreadable
from workers.app import App
from workers.errors import CannotRun
from workers.planning import Planned
from workers.target_forms import form_json

LONGEST_WAIT = 5.0
WOULD_END = (RunStatus.SUCCEEDED, RunStatus.INCOMPLETE)


def dry_run(app: App, connection: Connection, intentions: Sequence[Intention] = ()) -> DryRun:
    """What a push of the outbox, and of `intentions` with it, would do. The tool is read, and
    nothing is written anywhere. Raises CannotRun when the tool cannot be rehearsed."""
    assert connection.id is not None
    real = app.connector(connection)
    if not isinstance(real, RehearsesWrites) or real.wire.transport is None:
        raise CannotRun(f"{real.label} offers no dry run.")
    pace = _Pace(app.limiter(real.pacing()))
    wire = Rehearsal(real.wire.transport, real.rehearsal(), pace.wait)
    # A tool that is not well is told of, not waited for.
    hands = replace(real.wire, transport=wire, limiter=lambda _: pace, sleep=lambda _: None)
    with closing(type(real)(real.config, hands)) as connector:
        return rehearse(app.database, connector, wire, connection.id, intentions, app.database.now)


def calls_of(app: App, planned: Planned) -> Mapping[str, int]:
    """How many requests the next push takes, by the name of a connection: counted in a dry run,
    with what waits in the outbox already. Where the tool cannot be asked now, it is estimated."""
    wanted: dict[int, list[Intention]] = defaultdict(list)
    for each in planned.intentions:
        wanted[each.connection_id].append(each)
    calls = dict(planned.api_calls)
    for connection_id, writes in wanted.items():
        connection = planned.places.connections[connection_id]
        try:
            told = dry_run(app, connection, writes)
        except (CannotRun, ConnectorError, SecretsUnreadable, ValueError):
            continue
        if told.status in WOULD_END:
            calls[connection.name] = len(told.calls)
    return calls


def document(connection: str, told: DryRun) -> dict[str, Any]:
    """One element of `retro push --dry-run --json`."""
    return {
        "connection": connection,
        "status": told.status.value,
        "error": told.error,
        "writes": [{**asdict(each), "becomes": form_json(each.becomes)} for each in told.promises],
        "calls": [asdict(each) for each in told.calls],
        "ids": {str(number): stands_for for number, stands_for in told.made.items()},
        "api_calls": len(told.calls),
    }


class _Pace:
    """The budget of an account, for what is sent only. One who looks ahead does not wait long."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    def wait(self) -> None:
        while (seconds := self._limiter.acquire()) > 0:
            if seconds > LONGEST_WAIT:
                raise RateLimited("The request budget is used up.", retry_after=seconds)
            time.sleep(seconds)

    def acquire(self, urgent: bool = False, cost: int = 1) -> float:
        """What is only noted costs nothing."""
        return 0.0

    def refused(self, retry_after: float) -> None:
        self._limiter.refused(retry_after)
