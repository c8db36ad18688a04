"""Stamps many tasks in one request. One that is refused is marked, the others go through (G12)."""

from collections.abc import Mapping, Sequence

from connectors.capabilities import StampsTasks
from connectors.errors import BadResponse, ConnectorError, RateLimited, RecordRefused
from connectors.models import Task
from sync.delivery import bound_task
from sync.store.database import Database
from sync.store.outbox import Claimed

Pair = tuple[str, Task]


def stamp(
    database: Database, tool: StampsTasks, claimed: Sequence[Claimed]
) -> Mapping[str, ConnectorError | None]:
    """What each failed with, None where it is done, by the key of the write. What the tool as a
    whole failed with is told of each."""
    with database.reading() as session:
        pairs = {
            each.intention.key: (str(each.remote_id), bound_task(session, each.intention))
            for each in claimed
        }
    try:
        told = _stamp(tool, list(pairs.values()))
    except ConnectorError as error:
        return dict.fromkeys(pairs, error)
    return {key: told[remote_id] for key, (remote_id, _) in pairs.items()}


def _stamp(tool: StampsTasks, pairs: Sequence[Pair]) -> Mapping[str, ConnectorError | None]:
    """A batch that is refused as a whole is cut in two, down to stamps by themselves. Where bulk
    reads have used up what the tool allows for batches, stamps go out by themselves at once."""
    if len(pairs) == 1:
        return {pairs[0][0]: _stamp_one(tool, *pairs[0])}
    try:
        return tool.stamp_tasks(pairs)
    except RateLimited as error:
        if error.of_account:
            raise
        return {remote_id: _stamp_one(tool, remote_id, task) for remote_id, task in pairs}
    except (RecordRefused, BadResponse):
        half = len(pairs) // 2
        return {**_stamp(tool, pairs[:half]), **_stamp(tool, pairs[half:])}


def _stamp_one(tool: StampsTasks, remote_id: str, task: Task) -> ConnectorError | None:
    try:
        tool.stamp_task(remote_id, task)
    except (RecordRefused, BadResponse) as error:
        return error
    return None
