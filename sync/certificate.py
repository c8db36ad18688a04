"""What a full pull proves: what the tool has against what the mirror holds (G11).

The pull's own ids are the enumeration, since it ended only after every share was read to its end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel import Session

from connectors.capabilities import ConfirmsPresence, ReadsById
from connectors.models import Record, Stream
from connectors.port import Connector, Page, Presence
from sync.store import agreements, cursors, deletes, mirror, runs
from sync.store.database import Database
from sync.store.intake import take_in
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
        unread = _never_read(session, connector, feed, lease.run_id)
    presence = _presence(connector, feed, [*unseen, *unread])
    absent = {id_ for id_ in presence if presence[id_] is Presence.DELETED}
    unlisted = _unlisted(connector, feed, presence)
    shown = {record.id for record in unlisted.records}
    with database.writing() as session:
        runs.hold(session, lease)
        if shown or unlisted.refused:
            read = take_in(
                session, feed, unlisted.records, unlisted.refused, run_id=lease.run_id, at=now()
            )
            mirror.remember_seen(session, lease.run_id, list(shown))
            runs.advance(session, lease, replace(read, requests=unlisted.requests), now())
        agreements.hold_as_sent(session, feed.connection_id, absent.intersection(unread))
        kept = deletes.kept(session, feed, list(absent))
        gone = sorted(absent - kept)
        too_many = len(gone) >= FEWEST_HELD_BACK and len(gone) > MOST_GONE * held
        asked = gone if too_many else ()
        deletes.hold_back(session, feed, asked, run_id=lease.run_id, at=now())
        deleted = 0 if too_many else mirror.mark_deleted(session, feed, gone, now())
        runs.advance(session, lease, Progress(deleted=deleted), now())
        still_there = len({*unseen} - absent - shown)
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


def _never_read(
    session: Session, connector: Connector[Any], feed: Feed, run_id: int
) -> Sequence[str]:
    """Tasks of ours that may be gone before they were ever listed. One that is made meanwhile is no
    less missing, so the tool must be asked."""
    if feed.stream is Stream.TASKS and isinstance(connector, ConfirmsPresence):
        return agreements.never_read(session, feed.connection_id, run_id)
    return ()


def _unlisted(
    connector: Connector[Any], feed: Feed, presence: Mapping[str, Presence]
) -> Page[Record]:
    """Tasks that are there and that the listing left out: by what it finds ours, a tag for one,
    people may have taken from them."""
    ids = [id_ for id_, told in presence.items() if told is Presence.PRESENT]
    if ids and feed.stream is Stream.TASKS and isinstance(connector, ReadsById):
        return connector.by_ids(feed.stream, ids)
    return Page([], position="")
