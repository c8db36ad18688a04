"""Reads objects by queries: whole, or by what changed since a moment.

Always upwards by id: the one order in which rows that change meanwhile do not move, and in which a
read can go on where it stopped, with or without the cursor that it had. A first read of very many
rows goes by Bulk API instead.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from connectors.errors import BadResponse, NotFound, Rejected
from connectors.http import Answer, remote_now
from connectors.models import Record
from connectors.port import Page, RefusedRecord
from connectors.salesforce.ahead import MOST_QUERIES
from connectors.salesforce.bulk import AGAIN, Bulk, is_bulk
from connectors.salesforce.listing import (
    UNREADABLE,
    Listing,
    Rows,
    decoded,
    decoded_one_by_one,
    ids_of,
    in_order,
)
from connectors.salesforce.refusals import CursorLost
from connectors.salesforce.wire import Envelope, Org


class Reading:
    def __init__(self, org: Org, bulk: Bulk) -> None:
        self._org = org
        self._bulk = bulk

    def pages(self, listing: Listing, start: datetime | None, position: str) -> Iterator[Page[Any]]:
        if is_bulk(position):
            position = yield from self._bulk_pages(listing, position)
            if position != AGAIN:
                return
        for answer, envelope, last in self.answers(listing, start, position):
            first_of_all = start is None and not position
            if first_of_all and envelope.total_size > self._bulk.above:
                begun = self._bulk.begin(listing)
                yield Page([], begun, remote_now=remote_now(answer), requests=self._org.spent())
                yield from self._bulk_pages(listing, begun)
                return
            position = last
            rows = self._rows(listing, envelope)
            self._ask_ahead(listing, rows, envelope)
            yield self.page(listing, rows, position, remote_now(answer))

    def answers(
        self, listing: Listing, start: datetime | None, position: str
    ) -> Iterator[tuple[Answer, Envelope, str]]:
        """Page by page, with the last id of each. A cursor that was lost is replaced by a query
        above that id."""
        last = position
        while True:
            answer = self._org.query(listing.soql(start, last), everything=listing.everything)
            before: str | None = None
            while True:
                envelope = answer.decode(Envelope)
                last = in_order(ids_of(envelope.records), last, listing.kind)
                yield answer, envelope, last
                if envelope.done:
                    return
                try:
                    answer, before = self._org.more(envelope, before), envelope.next
                except CursorLost:
                    break

    def first_url(self, listing: Listing, start: datetime | None) -> str:
        """Where a read of it begins."""
        return self._org.query_url(listing.soql(start), everything=listing.everything)

    def spent(self) -> int:
        return self._org.spent()

    def by_ids(self, listing: Listing, ids: Sequence[str]) -> Page[Any]:
        """As they are now."""
        return self.page(listing, self._batch(listing, ids), "", None)

    def page(
        self,
        listing: Listing,
        rows: Rows,
        position: str,
        now: datetime | None,
    ) -> Page[Any]:
        listing.about([row for row, _ in rows.good])
        records: list[Record] = []
        refused = list(rows.refused)
        for row, values in rows.good:
            try:
                record = listing.to(row, values)
            except UNREADABLE as error:
                raw = msgspec.json.encode({**values, **msgspec.to_builtins(row)}).decode()
                refused.append(RefusedRecord(row.id, str(error), raw))
            else:
                records += [] if record is None else [record]
        return Page(records, position, refused, now, self._org.spent())

    def _ask_ahead(self, listing: Listing, rows: Rows, envelope: Envelope) -> None:
        """What is to be known of a page comes with the next one, in one request."""
        queries = listing.asks([row for row, _ in rows.good])
        if queries and envelope.next is not None and not envelope.done:
            urls = [self._org.query_url(soql) for soql in queries]
            # What cannot be had so is asked for alone, and tells then what is wrong.
            with suppress(BadResponse, NotFound, Rejected):
                self._org.ask_ahead([envelope.next, *urls][:MOST_QUERIES])

    def _bulk_pages(self, listing: Listing, position: str) -> Generator[Page[Any], None, str]:
        """Where they end."""
        for answer, rows, behind in self._bulk.pages(listing, position):
            yield self.page(listing, rows, behind, remote_now(answer))
            position = behind
        return position

    def _rows(self, listing: Listing, envelope: Envelope) -> Rows:
        if listing.by_batch:
            return self._batch(listing, ids_of(envelope.records))
        return decoded(listing, envelope.records)

    def _batch(self, listing: Listing, ids: Sequence[str]) -> Rows:
        found = [row for rows in self._org.read(listing.kind, ids, listing.fields) for row in rows]
        return decoded_one_by_one(listing, found)
