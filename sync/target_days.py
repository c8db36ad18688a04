"""The day of a KPI target that moves, in the tool: what it held, and what became of it.

A day that people set in the tool is theirs, so a move may end without a write. Then the two sides
have not agreed on it, and nothing is told as changed.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from sync.store import links, outbox
from sync.store.outbox import Intention
from sync.tables.outbox import LinkKind, Outbox

DAY = "recheck_on"


def is_move(payload: Mapping[str, Any]) -> bool:
    return payload.get("moved_from") is not None


def remember(session: Session, write: Intention, held: date | None, now: datetime) -> None:
    """After an update both sides agree on what was sent; after a move on its day alone, where it is
    in the tool. `held` is the day that the tool had before a move."""
    kind, place, key = LinkKind.TARGET, write.connection_id, write.subject
    remote_id = links.linked_id(session, place, kind, key)
    if remote_id is None:
        return
    agreed = write.payload
    if is_move(agreed):
        before = None if held is None else held.isoformat()
        outbox.note_before(session, write.key, {DAY: before})
        if before not in (agreed["moved_from"], agreed[DAY]):
            return
        agreed = {**links.base(session, place, kind, key), DAY: agreed[DAY]}
    links.link(session, place, kind, key, remote_id, agreed, now)


def sides(row: Outbox) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Before and after a move: it leaves a day that is not ours. One that was not delivered is told
    as it was planned."""
    ours, becomes = row.payload["moved_from"], row.payload[DAY]
    held = ours if row.before is None else row.before[DAY]
    return {DAY: held}, {DAY: becomes if held == ours else held}
