"""Post a tool's outgoing messages in the background: once, in order, without retry."""

import queue
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Thread

import httpx

TIMEOUT_SECONDS = 5


@dataclass(frozen=True)
class Delivery:
    url: str
    body: bytes
    media: str
    copies: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)


class Courier:
    """A lost or refused delivery is counted and forgotten, as tools with at-most-once events do."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self._thread: Thread | None = None
        self.delivered = 0
        self.lost = 0

    def send(self, delivery: Delivery) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._run, daemon=True)
            self._thread.start()
        for _ in range(delivery.copies):
            self._queue.put(delivery)

    def _run(self) -> None:
        while True:
            self._post(self._queue.get())

    def _post(self, delivery: Delivery) -> None:
        headers = {"Content-Type": delivery.media, "User-Agent": "sandbox-courier/1"}
        headers |= delivery.headers
        try:
            httpx.post(
                delivery.url,
                content=delivery.body,
                headers=headers,
                timeout=TIMEOUT_SECONDS,
                trust_env=False,
            )
            self.delivered += 1
        except httpx.HTTPError:
            self.lost += 1
