"""Makes a record that must not be made twice, in a tool that would make it at each call (G5)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from connectors.errors import BadResponse, ConnectorError, OutcomeUnknown
from connectors.port import Connector
from sync.store import outbox, runs
from sync.store.database import Database
from sync.store.outbox import Claimed
from sync.store.runs import Lease, Progress


class UnderWay(ConnectorError):
    """Nobody knows yet whether an earlier call made the record: the tool may be at it until
    `until`."""

    who = "nobody"
    next_step = "Wait: it is looked up again as soon as that call must have ended."

    def __init__(self, until: datetime) -> None:
        super().__init__("An earlier call to make this may still be under way in the tool.")
        self.until = until


@dataclass(frozen=True)
class Found:
    """What a look-up that began at `asked_at` showed: the id of the record, None where it is not
    there."""

    remote_id: str | None
    asked_at: datetime


class Making:
    """`may_exist` is what is known of the record at any time: a look-up that found nothing makes it
    false, when no call is under way any more; a call whose outcome was not told makes it true."""

    def __init__(
        self,
        database: Database,
        connector: Connector[Any],
        lease: Lease,
        claimed: Claimed,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._connector = connector
        self._lease = lease
        self._key = claimed.intention.key
        self._last_call = claimed.last_call
        self._now = now
        self.may_exist = claimed.may_exist

    def once(self, find: Callable[[], Found], create: Callable[[], str]) -> str:
        """The id of the record that is there or was made now. Raises UnderWay, LeaseLost."""
        if self.may_exist:
            found = find()
            if found.remote_id is not None:
                return found.remote_id
            self._wait_for_the_last_call(found.asked_at)
            self.may_exist = False
        try:
            with self._connector.api.announcing(self._note_sent):
                return create()
        except (OutcomeUnknown, BadResponse):
            # An answer that could not be read tells as little as one that was lost.
            self.may_exist = True
            raise

    def _wait_for_the_last_call(self, asked_at: datetime) -> None:
        """Raises UnderWay when what was not there at `asked_at` may still come."""
        if self._last_call is None:
            return
        if self._last_call > asked_at:
            self._last_call = asked_at
            self._note(outbox.note_clock_set_back, asked_at)
        ended_by = self._last_call + self._connector.longest_call
        if asked_at < ended_by:
            raise UnderWay(ended_by)

    def _note_sent(self) -> None:
        self._note(outbox.note_sent, self._now())

    def _note(self, note: Callable[[Session, str, datetime], None], at: datetime) -> None:
        """Raises LeaseLost: who took over may be making the record now."""
        with self._database.writing(outlasts_power=True) as session:
            runs.advance(session, self._lease, Progress(), self._now())
            note(session, self._key, at)
