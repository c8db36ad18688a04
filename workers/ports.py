"""The ports we serve on, and what is said of one that cannot be had."""

import errno
import socket

from workers.errors import CannotRun

LOOPBACK = "127.0.0.1"
BACKLOG = 128


def listen(port: int, host: str = LOOPBACK) -> socket.socket:
    """A socket that listens. Raises CannotRun when the port cannot be had."""
    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        why = {
            errno.EADDRINUSE: "is taken by another program",
            errno.EACCES: "is not ours to use",
        }.get(error.errno or 0, "cannot be used")
        raise CannotRun(
            f"Port {port} on {host} {why}; stop what holds it, or set RETRO_PORT to a free port."
        ) from error
