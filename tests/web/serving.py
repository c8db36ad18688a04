"""The web server of the tests: the one of the service, in a thread, on a free loopback port."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sync.store.database import Database
from tests.waiting import eventually
from web.server import LOOPBACK, server_for
from workers.app import App


@contextmanager
def serving(app: App) -> Iterator[str]:
    """The address of the server while it runs."""
    with closing(socket.create_server((LOOPBACK, 0))) as listener:
        server = server_for(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            eventually(lambda: server.started)
            yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Nobody else can write meanwhile."""
    with database.writing() as session:
        # The lock is taken with the first statement.
        session.connection().exec_driver_sql("SELECT 1")
        yield


def free_port() -> int:
    with closing(socket.create_server((LOOPBACK, 0))) as probe:
        return int(probe.getsockname()[1])
