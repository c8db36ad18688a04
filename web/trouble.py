"""An error as stored, ready to be shown: what happened, who repairs it, and how."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Trouble:
    """`kind` is the error's class; `message` and `next_step` are English, as the connectors
    write them. `blocks` holds (decision or KPI, its id)."""

    kind: str
    message: str
    next_step: str
    who: str
    blocks: tuple[tuple[str, str], ...]


def to_trouble(error: Mapping[str, Any] | None) -> Trouble | None:
    """The document of `sync.health.describe`."""
    if error is None:
        return None
    blocks = (str(each).partition(" ") for each in error.get("blocks", ()))
    return Trouble(
        kind=str(error.get("kind", "")),
        message=str(error.get("message", "")),
        next_step=str(error.get("next_step", "")),
        who=str(error.get("who", "")),
        blocks=tuple((what, name) for what, _, name in blocks),
    )
