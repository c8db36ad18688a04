"""The colour family of a status word. The word itself always stands beside the colour."""

from typing import Literal

Tone = Literal["good", "warn", "bad", "busy", "calm"]

TONES: dict[str, Tone] = {
    # connections
    "active": "good",
    "paused": "calm",
    "broken": "bad",
    # runs
    "queued": "busy",
    "running": "busy",
    "waiting": "warn",
    "succeeded": "good",
    "incomplete": "warn",
    "failed": "bad",
    "cancelled": "calm",
    # decisions
    "accepted": "busy",
    "at_risk": "warn",
    "done_awaiting_measure": "busy",
    "measured": "good",
    "closed": "calm",
    # tasks
    "open": "calm",
    "in_progress": "busy",
    "done": "good",
    "lost": "bad",
    # targets
    "met": "good",
    "likely": "good",
    "unclear": "warn",
    "unlikely": "warn",
    "missed": "bad",
    "unproven": "warn",
    "unknown": "calm",
}


def tone(word: str) -> Tone:
    return TONES.get(word, "calm")
