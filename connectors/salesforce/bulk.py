"""Reads of very many rows by Bulk API 2.0: a job that the org works on, and its rows as a table.

While the org works nobody waits for it here: the read stops, and goes on later from its position,
which holds the job and how far its rows were read.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from connectors.errors import BadResponse, NotFound, RateLimited
from connectors.http import Answer, remote_now
from connectors.port import RefusedRecord
from connectors.salesforce.listing import Listing, Rows
from connectors.salesforce.rows import Moment
from connectors.salesforce.wire import Org

PREFIX, AGAIN = "bulk", ""
ROWS_A_PAGE = 10_000
LOOK_AGAIN = 30.0
# A job that takes longer has come to nothing.
LONGEST = timedelta(hours=24)
DONE, WORKING = "JobComplete", ("UploadComplete", "InProgress")
LOCATOR, COUNT, END = "sforce-locator", "sforce-numberofrecords", "null"


class Job(Struct, frozen=True, rename="camel"):
    id: str
    state: str
    created_date: Moment
    error_message: str = ""


class Bulk:
    def __init__(self, org: Org, above: int) -> None:
        self._org = org
        self.above = above

    def begin(self, listing: Listing) -> str:
        """Asks for all rows of a listing; the position from which they are read."""
        operation = "queryAll" if listing.everything else "query"
        body = {"operation": operation, "query": listing.soql(None, whole=True)}
        path = self._org.path("jobs", "query")
        # A job that was begun twice is read once; the other one ends by itself.
        job = self._org.api.post(path, body, repeatable=True).decode(Job)
        return _position(job.id, "")

    def pages(self, listing: Listing, position: str) -> Iterator[tuple[Answer, Rows, str]]:
        """Rows in no order, each with the position behind them; AGAIN where the job is gone, which
        is kept for 7 days. Raises RateLimited while the org works on it."""
        _, job_id, locator = position.split(":")
        try:
            self._check(job_id)
            while locator != END:
                answer = self._results(job_id, locator)
                before, locator = locator, answer.headers.get(LOCATOR, "")
                if locator in ("", before):
                    raise BadResponse("The results of a Bulk job do not move on.")
                yield answer, rows_of(listing, answer), _position(job_id, locator)
        except NotFound:
            yield Answer(b"", {}), Rows((), ()), AGAIN

    def _check(self, job_id: str) -> None:
        answer = self._org.api.get(self._org.path("jobs", "query", job_id))
        job = answer.decode(Job)
        if job.state in WORKING:
            now = remote_now(answer) or datetime.now(UTC)
            if now - job.created_date > LONGEST:
                raise BadResponse("Salesforce does not finish a Bulk job.")
            told = "Salesforce still works on the rows of a Bulk job."
            raise RateLimited(told, retry_after=LOOK_AGAIN, of_account=False)
        if job.state != DONE:
            raise BadResponse(f"A Bulk job ended as {job.state}: {job.error_message or 'unknown'}.")

    def _results(self, job_id: str, locator: str) -> Answer:
        path = self._org.path("jobs", "query", job_id, "results")
        return self._org.api.get(path, {"maxRecords": ROWS_A_PAGE, "locator": locator or None})


def is_bulk(position: str) -> bool:
    return position.startswith(f"{PREFIX}:")


def rows_of(listing: Listing, answer: Answer) -> Rows:
    """Raises BadResponse for what is no table of these fields."""
    try:
        table = csv.DictReader(io.StringIO(answer.content.decode("utf-8")), strict=True)
        lines = list(table)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadResponse("The results of a Bulk job could not be read.") from error
    if set(table.fieldnames or ()) != set(listing.fields) or any(None in one for one in lines):
        raise BadResponse("The results of a Bulk job have other columns than were asked for.")
    if answer.headers.get(COUNT, str(len(lines))) != str(len(lines)):
        raise BadResponse("The results of a Bulk job are not whole.")
    return _rows(listing, [{name: text or None for name, text in one.items()} for one in lines])


def _rows(listing: Listing, lines: Sequence[Mapping[str, str | None]]) -> Rows:
    good: list[tuple[Any, Mapping[str, Any]]] = []
    refused: list[RefusedRecord] = []
    for line in lines:
        try:
            row = msgspec.convert(line, type=listing.row, strict=False)
        except msgspec.MsgspecError as error:
            raw = msgspec.json.encode(line).decode()
            refused.append(RefusedRecord(line.get("Id"), str(error), raw))
        else:
            good.append((row, line if listing.has_values else {}))
    return Rows(good, refused)


def _position(job_id: str, locator: str) -> str:
    return f"{PREFIX}:{job_id}:{locator}"
