"""Merges the fields of a task three ways: ours, theirs, and the base both sides last agreed on.

Pure. What changed on one side only goes to the other. Where both sides changed a field, and not to
the same, the contract of the field decides; what it leaves open is a clash for a person (G6).
"""

import re
import unicodedata
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from html import unescape

LINE_BREAK = re.compile(r"<br\s*/?>|\[br\s*/?\]|\r\n?", re.IGNORECASE)


class TaskField(StrEnum):
    """What is kept alike on both sides. `due` is an ISO moment, `owner` the id of an account,
    `status` a word of `ActionStatus`."""

    TITLE = "title"
    DESCRIPTION = "description"
    OWNER = "owner"
    DUE = "due"
    STATUS = "status"


class Contract(StrEnum):
    """Whose change stands when both sides changed a field; `ask` leaves it to a person."""

    OURS = "ours"
    THEIRS = "theirs"
    LATEST = "latest"
    ASK = "ask"


DEFAULTS: Mapping[TaskField, Contract] = {
    TaskField.TITLE: Contract.ASK,
    TaskField.DESCRIPTION: Contract.ASK,
    TaskField.OWNER: Contract.ASK,
    TaskField.DUE: Contract.ASK,
    TaskField.STATUS: Contract.THEIRS,
}

Values = Mapping[TaskField, str]


@dataclass(frozen=True)
class Side:
    """A field that is missing is unknown. `moments` tell when a field was last changed there."""

    values: Values
    moments: Mapping[TaskField, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Clash:
    """Both sides changed the field. `winner` is the contract's, None when a person is asked."""

    field: TaskField
    base: str | None
    ours: str
    theirs: str
    winner: Contract | None


@dataclass(frozen=True)
class Merged:
    """What changes here, what is to be written there, and what both sides agree on by now.

    A write that has still to go out is not agreed on: until it went, `base` says what they have.
    """

    here: Values
    there: Values
    base: Values
    clashes: tuple[Clash, ...]


def merge(
    ours: Side,
    theirs: Side,
    base: Values,
    contracts: Mapping[TaskField, Contract],
    held: Set[TaskField] = frozenset(),
) -> Merged:
    """`held` fields stay as they are on both sides."""
    here: dict[TaskField, str] = {}
    there: dict[TaskField, str] = {}
    agreed = dict(base)
    clashes = []
    for name in TaskField:
        our, their, known = ours.values.get(name), theirs.values.get(name), base.get(name)
        if our is None or name in held:
            continue
        if their is None:
            # Unknown is not cleared: it stands as it was agreed on.
            if known is not None and differ(name, our, known):
                there[name] = our
        elif not differ(name, our, their):
            agreed[name] = their
        elif known is not None and not differ(name, their, known):
            there[name] = our
        elif known is not None and not differ(name, our, known):
            here[name] = agreed[name] = their
        else:
            winner = _winner(contracts.get(name, DEFAULTS[name]), name, ours, theirs)
            clashes.append(Clash(name, known, our, their, winner))
            if winner is Contract.OURS:
                there[name], agreed[name] = our, their
            elif winner is Contract.THEIRS:
                here[name] = agreed[name] = their
    return Merged(here, there, agreed, tuple(clashes))


def differ(name: TaskField, one: str, other: str) -> bool:
    """Whether two values say different things: tools rewrite line breaks and drop fractions."""
    return one != other and normal(name, one) != normal(name, other)


def normal(name: TaskField, value: str) -> str:
    if name is TaskField.DUE:
        moment = datetime.fromisoformat(value).astimezone(UTC)
        return moment.replace(microsecond=0).isoformat()
    if name in (TaskField.OWNER, TaskField.STATUS):
        return value
    text = unicodedata.normalize("NFC", unescape(LINE_BREAK.sub("\n", value)))
    lines = text.replace("\u00a0", " ").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


def _winner(contract: Contract, name: TaskField, ours: Side, theirs: Side) -> Contract | None:
    if contract is Contract.LATEST:
        our, their = ours.moments.get(name), theirs.moments.get(name)
        if our is None or their is None or our == their:
            return None
        return Contract.OURS if our > their else Contract.THEIRS
    return None if contract is Contract.ASK else contract
