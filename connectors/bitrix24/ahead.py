"""First pages of several streams from one request, kept for the reads that follow at once."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from connectors.bitrix24.reading import Reading
from connectors.bitrix24.wire import MAX_COMMANDS, Batch, Command, Portal
from connectors.models import Stream
from connectors.port import Partition, Window

# Older than this, an answer is asked for again: the tool goes on meanwhile.
SECONDS_FRESH = 5.0


@dataclass(frozen=True)
class Asked:
    """One share of a stream, read from its begin."""

    stream: Stream
    share: str
    window: Window


@dataclass
class Ahead:
    portal: Portal
    reading: Reading
    clock: Callable[[], float] = time.monotonic
    answers: dict[Asked, Batch] = field(default_factory=dict)
    until: float = 0.0
    requests: int = 0

    def ask(self, windows: Mapping[Stream, Window]) -> None:
        """Raises RateLimited as a read would."""
        wanted = [
            (Asked(stream, share.name, window), self.reading.of(stream, share.name))
            for stream, window in windows.items()
            if stream is not Stream.PIPELINES
            for share in self.reading.partitions(stream, window)
        ]
        commands = {
            asked: replace(
                listing.chain(1, 0, None, asked.window.start)[0],
                name=f"{asked.stream}{number}",
            )
            for number, (asked, listing) in enumerate(wanted[:MAX_COMMANDS])
        }
        if not commands:
            return
        self.portal.operating.mind("batch", *(each.method for each in commands.values()))
        asked_at = self.clock()
        batch = self.portal.batch(list(commands.values()))
        self.answers = {asked: _only(batch, each) for asked, each in commands.items()}
        self.until = asked_at + SECONDS_FRESH
        self.requests += 1

    def take(self, stream: Stream, window: Window, partition: Partition) -> Batch | None:
        """The answer to the first page of a read, once, unless it was refused or is old."""
        batch = self.answers.pop(Asked(stream, partition.name, window), None)
        fresh = self.clock() < self.until
        return batch if batch and batch.results and fresh and not partition.after else None

    def count(self) -> int:
        """The requests that no page has told yet: the next one does, whether it was asked ahead or
        not."""
        count, self.requests = self.requests, 0
        return count


def _only(batch: Batch, command: Command) -> Batch:
    name = command.name
    results = {name: batch.results[name]} if name in batch.results else {}
    return replace(batch, commands={name: command}, results=results, faults={})
