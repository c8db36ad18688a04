"""What every sandbox can be told, whatever its tool."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Knobs:
    """`records` deals that a connector must keep, made from `seed`; `limit` is `published` or
    `off`; `command_ms` is what each part of a batch takes, where the tool has batches."""

    records: int = 200
    seed: int = 1
    latency_ms: float = 0.0
    command_ms: float = 0.0
    limit: str = "published"
    faults: Sequence[dict[str, Any]] = ()
