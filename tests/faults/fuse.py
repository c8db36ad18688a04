"""Kills a worker at its n-th commit or call: before it, or when it is done and nobody knows."""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

import httpx
from sqlmodel import Session

from sync.store.database import Database


class Killed(BaseException):
    """Like a lost process: nothing in the product may catch it."""


def die(point: str) -> None:
    raise Killed(point)


def die_for_real(point: str) -> None:
    """Says where, then ends the process as the system does it: nothing is closed or tidied up."""
    os.write(sys.stdout.fileno(), point.encode())
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Fuse:
    """Blows at the point number `at`, of those called `only` if that is given; whatever comes after
    it is dead as well."""

    at: int
    blow: Callable[[str], None] = die
    only: str | None = None
    passed: int = 0
    lock: Lock = field(default_factory=Lock)

    def point(self, name: str) -> None:
        if self.only not in (None, name):
            return
        with self.lock:
            self.passed += 1
            if self.passed >= self.at:
                self.blow(f"{self.passed}: {name}")


class FusedDatabase(Database):
    def __init__(self, url: str, fuse: Fuse) -> None:
        super().__init__(url)
        self._fuse = fuse

    @classmethod
    def sharing(cls, database: Database, fuse: Fuse) -> "FusedDatabase":
        """With the engine of another one, which remembers how statements are compiled."""
        fused = cls.__new__(cls)
        vars(fused).update(vars(database), _fuse=fuse)
        return fused

    def commit(self, session: Session) -> None:
        self._fuse.point("before a commit")
        super().commit(session)
        self._fuse.point("after a commit")


class FusedTransport(httpx.BaseTransport):
    def __init__(self, fuse: Fuse, inner: httpx.BaseTransport | None = None) -> None:
        self._inner = inner or httpx.HTTPTransport()
        self._fuse = fuse

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        method = request.url.path.rsplit("/", 1)[-1]
        self._fuse.point(f"before {method}")
        response = self._inner.handle_request(request)
        response.read()
        self._fuse.point(f"after {method}")
        return response

    def close(self) -> None:
        self._inner.close()
