"""What a full pull proves: what the tool has against what the mirror holds (G11).

The pull's own ids are the enumeration, since it ended only after every share was read to its end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from connectors.capabilities import ConfirmsPresence
from connectors.port import Connector, Presence
from sync.store import cursors, deletes, mirror, runs
from sync.store.database import Database
from sync.store.mirror import Feed
from sync.store.runs import Lease, Progress

# More than this share of the mirror gone at once, and at least so many, waits for a person: rights
# that were taken away look like deletes.
MOST_GONE = 0.05
FEWEST_HELD_BACK = 20


@dataclass(frozen=True)
class Certificate:
    """`remote_count` is what the tool has, those that it showed and that we could not take among
    them; `mirror_count` what the mirror holds of it.

    `set_aside` were refused in this pull, each with its reason. `shortfall` of them the mirror has
    nothing of: the difference of the two counts, so that an older copy of a refused record counts
    as held. A refusal without an id (a file that cannot be opened) is in `set_aside` alone.
    `ids_match` is about all others. `hidden` are records the tool has but does not show us;
    `held_back` would have been deleted, were they not too many at once; `kept` were deleted in the
    tool, and a person said that they stay here.
    """

    remote_count: int
    mirror_count: int
    ids_match: bool
    set_aside: int = 0
    shortfall: int = 0
    hidden: int = 0
    held_back: int = 0
    kept: int = 0

    @property
    def complete(self) -> bool:
        """Everything the tool has is held or was set aside with a reason; nothing is unknown."""
        return self.ids_match and self.held_back == 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def certify(
    database: Database,
    connector: Connector[Any],
    feed: Feed,
    lease: Lease,
    now: Callable[[], datetime],
) -> Certificate:
    """Compare, delete what is confirmed to be gone, and count both sides in SQL.

    Raises ConnectorError when the tool cannot say whether a record is gone, LeaseLost.
    """
    with database.reading() as session:
        unseen = mirror.held_but_not_seen(session, feed, lease.run_id)
        held = mirror.count_records(session, feed)
    presence = _presence(connector, feed, unseen)
    absent = [id_ for id_ in unseen if presence[id_] is Presence.DELETED]
    with database.writing() as session:
        runs.hold(session, lease)
        kept = deletes.kept(session, feed, absent)
        gone = [id_ for id_ in absent if id_ not in kept]
        too_many = len(gone) >= FEWEST_HELD_BACK and len(gone) > MOST_GONE * held
        asked = gone if too_many else ()
        deletes.hold_back(session, feed, asked, run_id=lease.run_id, at=now())
        deleted = 0 if too_many else mirror.mark_deleted(session, feed, gone, now())
        runs.advance(session, lease, Progress(deleted=deleted), now())
        still_there = len(unseen) - len(absent)
        remote = mirror.count_seen(session, lease.run_id) + still_there
        mirrored = mirror.count_records(session, feed)
        matching = mirror.count_seen_and_held(session, feed, lease.run_id) + still_there
        lacking = cursors.count_lacking(session, feed, lease.run_id)
        return Certificate(
            remote_count=remote,
            mirror_count=mirrored,
            ids_match=remote - lacking == mirrored - len(kept) == matching,
            set_aside=cursors.count_set_aside(session, feed, lease.run_id),
            shortfall=lacking,
            hidden=sum(presence[id_] is Presence.HIDDEN for id_ in unseen),
            held_back=len(asked),
            kept=len(kept),
        )


def _presence(
    connector: Connector[Any], feed: Feed, unseen: Sequence[str]
) -> Mapping[str, Presence]:
    """A tool that cannot be asked about single records is believed in its complete listing."""
    if unseen and isinstance(connector, ConfirmsPresence):
        return connector.presence(feed.stream, unseen)
    return dict.fromkeys(unseen, Presence.DELETED)
