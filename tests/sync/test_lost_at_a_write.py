"""A write that ends every worker that comes to it is left to a person (G10)."""

import httpx
import pytest

from connectors.bitrix24.connector import Bitrix24
from sync.push import MOST_ATTEMPTS
from sync.store import outbox
from sync.store.runs import LEASE
from sync.tables.outbox import OutboxState
from sync.tables.runs import PUSH, Mode, RunStatus
from tests.faults.fuse import Killed
from tests.faults.push_case import COPYWRITER, DESIGNER, TARGET, queue_push
from tests.portal import Mirrored


class Deadly(httpx.BaseTransport):
    """Whoever sends this text is killed."""

    def __init__(self, text: str) -> None:
        self._text = text.encode()
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._text in request.read():
            raise Killed(self._text)
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


@pytest.mark.promise("G10")
def test_a_write_at_which_every_worker_is_lost_is_dead_and_the_others_go_out(
    mirrored: Mirrored,
) -> None:
    run = queue_push(mirrored)
    killed = 0
    for _ in range(2 * MOST_ATTEMPTS):
        mirrored.clock.advance(Bitrix24.longest_call + LEASE)
        try:
            if mirrored.work(run, mirrored.connector(Deadly(DESIGNER))) is RunStatus.INCOMPLETE:
                break
        except Killed:
            killed += 1
    assert killed == MOST_ATTEMPTS
    with mirrored.database.reading() as session:
        states = {row.key: row.state for row in outbox.outbox_rows(session)}
        (dead,) = outbox.given_up_in(session, run)
    assert (states[TARGET], states[COPYWRITER]) == (OutboxState.DONE, OutboxState.DONE)
    assert (dead.key, dead.state) == (DESIGNER, OutboxState.DEAD)
    assert dead.error is not None
    assert "the worker that was to send this was lost at it" in dead.error["message"]


@pytest.mark.promise("G10")
@pytest.mark.parametrize("apart", [True, False])
def test_a_stamp_at_which_every_worker_is_lost_is_counted(mirrored: Mirrored, apart: bool) -> None:
    queue_push(mirrored)
    ours, now = mirrored.connection_id, mirrored.now()
    with mirrored.database.writing() as session:
        for row in outbox.outbox_rows(session):
            row.state = OutboxState.DONE
        outbox.note_created(session, DESIGNER, "77")
    for lost in range(MOST_ATTEMPTS):
        with mirrored.database.writing() as session:
            if apart:
                (claimed,) = outbox.claim_stamps(session, ours, now, 25)
            else:
                found = outbox.claim(session, ours, now)
                assert found is not None
                claimed = found
        assert claimed.attempts >= lost
    mirrored.finish(mirrored.queue(PUSH, Mode.PUSH))
    with mirrored.database.reading() as session:
        (dead,) = [row for row in outbox.outbox_rows(session) if row.key == DESIGNER]
    assert dead.state is OutboxState.DEAD
