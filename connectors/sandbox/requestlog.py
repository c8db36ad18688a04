"""What the sandbox was asked, without secrets."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class LogEntry:
    """`time` is the sandbox's clock, `seconds` machine time since the start of the sandbox; `body`
    is what was sent, as it was, without credentials."""

    n: int
    time: str
    seconds: float
    verb: str
    path: str
    method: str
    status: int
    refused: bool
    commands: int = 0
    fault: str | None = None
    body: str = ""


class RequestLog:
    """`status` is 0 where the client got no answer. `commands` counts the commands of a batch."""

    def __init__(self) -> None:
        self._entries: list[LogEntry] = []

    def add(self, **fields: Any) -> None:
        self._entries.append(LogEntry(n=len(self._entries) + 1, **fields))

    def since(self, number: int) -> list[dict[str, Any]]:
        """Entries after that number, oldest first."""
        return [asdict(entry) for entry in self._entries[max(number, 0) :]]

    def summary(self) -> dict[str, Any]:
        methods = Counter(entry.method for entry in self._entries)
        return {
            "requests": len(self._entries),
            "refused": sum(entry.refused for entry in self._entries),
            "commands": sum(entry.commands for entry in self._entries),
            "methods": dict(sorted(methods.items())),
        }
