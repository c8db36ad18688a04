"""The day of a KPI target that moves, in the tool: what it held, and what became of it.

A day that people set in the tool is theirs, so a move may end without a write. Then the two sides
have not agreed on it, and nothing is told as changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
from sqlmodel import Session

from connectors.capabilities import WritesTargets
from connectors.models import KpiTarget
from sync.store import links, outbox
from sync.store.outbox import Intention
from sync.tables.outbox import LinkKind, Outbox

DAY = "recheck_on"
# Of a move: the day is one that people set.
STAYS = "stays"


@dataclass(frozen=True)
class Update:
    """Writes the results of a target, or moves its day.

    `agreed` is the day on which both sides last agreed: the tool still holds it where an earlier
    move was refused and let go, and then it is ours too. `begun` says that a call for this move
    went out whose end nobody saw: a new day that is there already is its effect.
    """

    target: KpiTarget
    agreed: date | None
    begun: bool

    def send(self, tool: WritesTargets, remote_id: str) -> date | None:
        """The day that the tool held before a move."""
        target, agreed = self.target, self.agreed
        held = tool.update_target(remote_id, target)
        if target.moved_from is None or held is None:
            return None
        an_earlier_move_was_let_go = agreed != target.moved_from
        if an_earlier_move_was_let_go and held == agreed:
            from_there = msgspec.structs.replace(target, moved_from=agreed)
            return tool.update_target(remote_id, from_there)
        was_moved_by_us = self.begun and held == target.recheck_on
        return (agreed or target.moved_from) if was_moved_by_us else held


def update(session: Session, write: Intention, *, begun: bool) -> Update:
    place, target = write.connection_id, msgspec.convert(write.payload, KpiTarget, strict=False)
    agreed = links.base(session, place, LinkKind.TARGET, write.subject).get(DAY)
    return Update(target, None if agreed is None else date.fromisoformat(agreed), begun)


def is_move(payload: Mapping[str, Any]) -> bool:
    return payload.get("moved_from") is not None


def remember(session: Session, write: Intention, held: date | None, now: datetime) -> None:
    """After an update both sides agree on what was sent, but for the day; after a move on its day
    alone, where it is in the tool. `held` is the day that the tool had before a move."""
    kind, place, key = LinkKind.TARGET, write.connection_id, write.subject
    remote_id = links.linked_id(session, place, kind, key)
    if remote_id is None:
        return
    sent, base = write.payload, links.base(session, place, kind, key)
    if not is_move(sent):
        agreed = {**sent, DAY: base.get(DAY, sent[DAY])}
    else:
        before = None if held is None else held.isoformat()
        stays = before not in (sent["moved_from"], sent[DAY], base.get(DAY))
        outbox.note_before(session, write.key, {DAY: before, STAYS: stays})
        if stays:
            return
        agreed = {**base, DAY: sent[DAY]}
    links.link(session, place, kind, key, remote_id, agreed, now)


def sides(row: Outbox) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Before and after a move. One that was not delivered is told as it was planned."""
    if row.before is None:
        return {DAY: row.payload["moved_from"]}, {DAY: row.payload[DAY]}
    held = row.before[DAY]
    return {DAY: held}, {DAY: held if row.before[STAYS] else row.payload[DAY]}
