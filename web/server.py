"""Serves the web application until it is asked to end."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import FrameType

import uvicorn

from web.app import create_app
from workers.app import App
from workers.ports import LOOPBACK, listen

# What answers under way get, in seconds; less than the supervisor's patience.
ENDS_WITHIN = 3.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Ends in time even while a request is stuck.

    A thread that waits for the database cannot be ended, and Python would wait for it.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._deadline = threading.Timer(ENDS_WITHIN, _leave)
        self._deadline.daemon = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            self._deadline.start()
        super().handle_exit(sig, frame)

    def ended(self) -> None:
        self._deadline.cancel()


def serve(app: App, port: int, host: str = LOOPBACK) -> None:
    """Returns after SIGTERM or SIGINT, within 5 seconds. Call it from the main thread.

    Raises CannotRun when the port cannot be had.
    """
    with closing(listen(port, host)) as listener:
        server = server_for(app)
        with _ending_on_signals(server):
            log.info("The page is at http://%s:%s/", host, port)
            server.run(sockets=[listener])


def server_for(app: App) -> Server:
    return Server(
        uvicorn.Config(
            create_app(app),
            lifespan="off",
            ws="none",
            # Logging is set up before us. No access log: a tool may be given an address with a
            # secret in its query.
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            server_header=False,
            # Whoever asks is who connects; web.local relies on it.
            proxy_headers=False,
        )
    )


@contextmanager
def _ending_on_signals(server: Server) -> Iterator[None]:
    # uvicorn raises the signal again when it has ended, which by default would kill the process
    # before it could close anything.
    before = {number: signal.signal(number, server.handle_exit) for number in SIGNALS}
    try:
        yield
    finally:
        server.ended()
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave() -> None:
    log.warning("A request is still under way and is left unanswered.")
    # What was not answered is not lost: it was stored, or the tool may send it again.
    os._exit(1)
