"""A worker killed at every commit and call, one point after the other, and what the next one does.

Each walk kills at point 1, then at point 2, until a run is not killed any more. After each kill
another worker takes the run when its lease is over and ends it; then nothing may be lost or double.
"""

from collections.abc import Callable

from tests.faults.fuse import Fuse, FusedDatabase, FusedTransport, Killed
from tests.portal import Mirrored


def kill(mirrored: Mirrored, run_id: int, at: int) -> str | None:
    """Work on the run with a fuse; what it was killed at, None when it was not."""
    fuse = Fuse(at)
    database = FusedDatabase.sharing(mirrored.database, fuse)
    doomed = Mirrored(database, mirrored.portal, mirrored.connection_id, mirrored.clock)
    connector = doomed.connector(FusedTransport(fuse, mirrored.portal.transport))
    try:
        doomed.work(run_id, connector)
    except Killed as killed:
        return str(killed)
    finally:
        connector.close()
    return None


def walk(
    prepare: Callable[[], tuple[Mirrored, int]],
    check: Callable[[Mirrored, int], None],
    next_slice: Callable[[Mirrored, int], None] = lambda _mirrored, _run_id: None,
) -> int:
    """How many points there were. `next_slice` comes between the kill and the good end."""
    for at in range(1, 1000):
        mirrored, run_id = prepare()
        killed = kill(mirrored, run_id, at)
        if killed is not None:
            next_slice(mirrored, run_id)
        mirrored.finish(run_id)
        try:
            check(mirrored, run_id)
        except AssertionError as error:
            error.add_note(f"killed at point {killed}")
            raise
        mirrored.database.close()
        for connector in mirrored.portal.made:
            connector.close()
        if killed is None:
            return at - 1
    raise AssertionError("the walk does not end")
