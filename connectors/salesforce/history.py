"""Moves of opportunities, from the rows that Salesforce keeps of each change of stage, amount,
probability or close date.

Whether a row is a move shows only beside the one before it, so all rows of an opportunity are read,
and told when the next opportunity begins: a page may end amid them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby, pairwise

import msgspec
from msgspec import Raw

from connectors.errors import BadResponse
from connectors.http import remote_now
from connectors.models import StageChange, entity_in, history_of
from connectors.port import Page, RefusedRecord
from connectors.salesforce.facts import Facts
from connectors.salesforce.listing import (
    SHORT,
    Listing,
    above_id,
    changed,
    decoded,
    decoded_one_by_one,
)
from connectors.salesforce.mapping import DEAL, HISTORY, Known, to_moves
from connectors.salesforce.refusals import CursorLost
from connectors.salesforce.rows import HistoryRow
from connectors.salesforce.wire import (
    IDS_A_QUERY,
    Envelope,
    Org,
    among,
    batches,
    select,
)

DEALS = "deals"
ORDER = "OpportunityId, CreatedDate, Id"


class History:
    def __init__(self, org: Org, facts: Facts) -> None:
        self._org = org
        self._facts = facts

    def pages(self, start: datetime | None, position: str) -> Iterator[Page[StageChange]]:
        """Of the opportunities that changed, whole. `position` is the last one that was told."""
        last = position
        while True:
            found = self._pages(start, last)
            try:
                for page in found:
                    last = page.position
                    yield page
            except CursorLost:
                continue
            return

    def by_ids(self, ids: Sequence[str]) -> Page[StageChange]:
        """As they are now."""
        wanted = set(ids)
        owners = {id_: owner[1] for id_ in ids if (owner := entity_in(id_)) is not None}
        moves = [id_ for id_ in ids if id_ not in owners]
        deals = list(owners.values())
        records: list[StageChange] = []
        refused: list[RefusedRecord] = []
        fields = self._facts.readable(HISTORY)
        for raws in self._org.read(HISTORY, moves, fields) if moves else ():
            rows = decoded_one_by_one(self._listing(), raws)
            deals += [row.opportunity_id for row, _ in rows.good]
            refused += rows.refused
        for some in batches(deals, IDS_A_QUERY):
            raws = self._org.all(self._soql([among("OpportunityId", some)]), Raw)
            rows = decoded_one_by_one(self._listing(), raws)
            told = self._told([row for row, _ in rows.good])
            records += told.records
            refused += [*rows.refused, *told.refused]
        kept = [
            record
            for record in records
            if record.id in wanted or history_of(DEALS, record.entity_id) in wanted
        ]
        return Page(kept, position="", refused=refused, requests=self._org.spent())

    def soql(self, start: datetime | None, position: str = "") -> str:
        since = changed(start, f"{DEAL}.SystemModstamp")
        return self._soql([*since, *above_id(position, "OpportunityId")])

    def _pages(self, start: datetime | None, position: str) -> Iterator[Page[StageChange]]:
        answer = self._org.query(self.soql(start, position))
        begun: list[HistoryRow] = []
        before: str | None = None
        while True:
            envelope = answer.decode(Envelope)
            read = decoded(self._listing(), envelope.records)
            rows = begun + [row for row, _ in read.good]
            _check_order(rows, position)
            open_deal = rows[-1].opportunity_id if rows and not envelope.done else ""
            whole = [row for row in rows if row.opportunity_id != open_deal]
            begun = [row for row in rows if row.opportunity_id == open_deal]
            position = whole[-1].opportunity_id if whole else position
            told = self._told(whole)
            refused = [*read.refused, *told.refused]
            yield replace(told, position=position, refused=refused, remote_now=remote_now(answer))
            if envelope.done:
                return
            answer, before = self._org.more(envelope, before), envelope.next

    def _told(self, rows: Sequence[HistoryRow]) -> Page[StageChange]:
        known = Known(stages=self._facts.stage_kinds)
        records: list[StageChange] = []
        refused: list[RefusedRecord] = []
        for deal, its in groupby(rows, key=lambda row: row.opportunity_id):
            several = list(its)
            try:
                records += list(to_moves(several, known))
            except ValueError as error:
                raw = msgspec.json.encode(several).decode()
                refused.append(RefusedRecord(history_of(DEALS, deal), str(error), raw))
        return Page(records, position="", refused=refused, requests=self._org.spent())

    def _listing(self) -> Listing:
        return Listing(HISTORY, self._facts.readable(HISTORY), HistoryRow, lambda _row, _: None)

    def _soql(self, conditions: Sequence[str]) -> str:
        return select(self._facts.readable(HISTORY), HISTORY, conditions, ORDER)


def _check_order(rows: Sequence[HistoryRow], last: str) -> None:
    """Raises BadResponse when rows come again, as from a cursor that repeats."""
    deals = [last, *(row.opportunity_id for row in rows)]
    again = any(one[:SHORT] > other[:SHORT] for one, other in pairwise(deals))
    if again or (rows and last and rows[0].opportunity_id == last):
        raise BadResponse("The rows of stage history are not in order.")
