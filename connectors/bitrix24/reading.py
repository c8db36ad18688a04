"""Which listing a stream reads, and how its full read is cut into shares."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from connectors.bitrix24 import fields, listings
from connectors.bitrix24.config import Bitrix24Config
from connectors.bitrix24.keyset import Listing
from connectors.bitrix24.mapping import DEAL, LEAD
from connectors.bitrix24.wire import Portal
from connectors.models import Deal, Lead, Stream
from connectors.port import Partition, Window

SHARES = 8
# Below this many ids a stream is one share: cutting it would cost more requests than it saves time.
WORTH_CUTTING = 5000


class Reading:
    """The listings of one connection; those of leads and deals depend on its mapped fields."""

    def __init__(self, portal: Portal, config: Bitrix24Config) -> None:
        self._portal = portal
        self._config = config

    @cached_property
    def leads(self) -> Listing[Any, Lead]:
        return listings.leads(frozenset(self._config.qualified_stages), self._custom(LEAD))

    @cached_property
    def deals(self) -> Listing[Any, Deal]:
        return listings.deals(self._custom(DEAL))

    def partitions(self, stream: Stream, window: Window) -> Sequence[Partition]:
        """One request finds both ends of the ids; the last share stays open for new records."""
        if stream is Stream.STAGE_CHANGES:
            histories: Mapping[str, Listing[Any, Any]] = {
                "leads": listings.LEAD_MOVES,
                "deals": listings.DEAL_MOVES,
            }
            if not window.is_full:
                return [Partition(name) for name in histories]
            return self._cut(histories, SHARES // len(histories))
        if window.is_full and stream in (
            *(Stream.LEADS, Stream.DEALS, Stream.CONTACTS, Stream.ACTIVITIES),
        ):
            return self._cut({"all": self.of(stream)}, SHARES)
        return (Partition(),)

    def of(self, stream: Stream, share: str = "") -> Listing[Any, Any]:
        """The listing that a share of a stream is read from. Which history of stage changes a share
        reads, its name begins with."""
        if stream is Stream.STAGE_CHANGES:
            return listings.LEAD_MOVES if share.startswith("leads") else listings.DEAL_MOVES
        if stream is Stream.LEADS:
            return self.leads
        if stream is Stream.DEALS:
            return self.deals
        return PLAIN[stream]

    def _cut(self, parts: Mapping[str, Listing[Any, Any]], shares: int) -> Sequence[Partition]:
        ends = [
            part.edge(name + end, order)
            for name, part in parts.items()
            for end, order in (("low", "ASC"), ("high", "DESC"))
        ]
        batch = self._portal.batch(ends)
        found: list[Partition] = []
        for name, part in parts.items():
            low = part.first_id(batch.result(f"{name}low"))
            high = part.first_id(batch.result(f"{name}high"))
            found += segments(name, low or 0, high or 0, shares)
        return found

    def _custom(self, entity_type: int) -> Mapping[str, str]:
        """Our name → the name in rows, for the mapped fields that this kind of record has."""
        wanted = self._config.fields
        if not wanted:
            return {}
        shown = fields.shown_names(self._portal, entity_type)
        return {ours: shown[upper] for ours, upper in wanted.items() if upper in shown}


PLAIN: Mapping[Stream, Listing[Any, Any]] = {
    Stream.CONTACTS: listings.CONTACTS,
    Stream.ACTIVITIES: listings.ACTIVITIES,
    Stream.PEOPLE: listings.PEOPLE,
    Stream.TASKS: listings.OUR_TASKS,
}


def segments(name: str, low: int, high: int, most: int) -> list[Partition]:
    """Equal spans of ids, at most `most`; the first begins at 0 and the last has no end."""
    span = high - low + 1
    count = max(1, min(most, span // WORTH_CUTTING))
    if count == 1:
        return [Partition(name)]
    ends = [low + span * number // count - 1 for number in range(1, count)]
    starts = ["", *map(str, ends)]
    return [
        Partition(f"{name}:{number}", after, until)
        for number, (after, until) in enumerate(
            zip(starts, [*map(str, ends), None], strict=True), 1
        )
    ]
