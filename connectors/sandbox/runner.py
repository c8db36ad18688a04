"""Run a sandbox on a port, in the foreground or in a thread of a test."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

import uvicorn

from connectors.sandbox.asgi import App

STOP_SECONDS = 10


def serve(made: Callable[[str], App], host: str, port: int) -> None:
    """Serve what is `made` for the address, once that is taken, until interrupted. Who connects
    meanwhile waits until it is served.

    Port 0 takes a free one. Raises OSError when the port is taken.
    """
    with _listener(host, port) as listener:
        app = made(_base(listener))
        # The server hands the interrupt on after it has closed down.
        with suppress(KeyboardInterrupt):
            uvicorn.Server(_config(app)).run(sockets=[listener])


@contextmanager
def serving(app: App, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread; yields the base address, by default on a free port."""
    with _listener(host, port) as listener:
        server = uvicorn.Server(_config(app))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield _base(listener)
        finally:
            server.should_exit = True
            thread.join(STOP_SECONDS)


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listened on a moment ago."""
    with _listener(host, 0) as listener:
        port: int = listener.getsockname()[1]
        return port


def _listener(host: str, port: int) -> socket.socket:
    # With the protocol named, asyncio switches off Nagle's delay: 40 ms a request otherwise.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def _base(listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f"http://{host}:{port}"


def _config(app: App) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        # The hour is the sandbox's own, and so is the header that tells it.
        date_header=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
