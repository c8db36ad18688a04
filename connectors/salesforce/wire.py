"""Salesforce's calls: addresses of one version, queries page by page, records written by a key."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Raw, Struct

from connectors.budget import Budget, unpublished
from connectors.errors import BadResponse
from connectors.http import Answer, ApiClient
from connectors.salesforce.ahead import MOST_PARTS, Ahead, several
from connectors.salesforce.config import SalesforceConfig
from connectors.salesforce.refusals import KeyTaken

T = TypeVar("T")

AREA = "/services/data"
MOST_READ = 2000
# Ids in one condition: an address may have 16,384 bytes, and they are written with quotes.
IDS_A_QUERY = 200
# No limit per second is published, but 25 long requests at once.
AT_ONCE, A_SECOND = 25, 25.0


class Envelope(Struct, frozen=True):
    """A page. It is the last one when it says so, however many rows it has."""

    total_size: int = msgspec.field(name="totalSize")
    done: bool
    records: Raw
    next: str | None = msgspec.field(name="nextRecordsUrl", default=None)


class Saved(Struct, frozen=True):
    """What became of a record that was written."""

    id: str


class Org:
    """One org. Addresses hold the version of the settings and are made here alone."""

    def __init__(self, api: ApiClient, config: SalesforceConfig) -> None:
        self.api = api
        self._version = config.api_version
        self._ahead = Ahead()
        self._told = 0

    def spent(self) -> int:
        """The requests that no page has told yet."""
        before, self._told = self._told, self.api.sent
        return self._told - before

    def path(self, *parts: str) -> str:
        return "/".join((AREA, f"v{self._version}", *parts))

    def query(self, soql: str, *, everything: bool = False) -> Answer:
        """`everything` has deleted records of the Recycle Bin and archived tasks."""
        url = self.query_url(soql, everything=everything)
        return self._ahead.take(url) or self.api.get(url)

    def query_url(self, soql: str, *, everything: bool = False) -> str:
        return f"{self.path('queryAll' if everything else 'query')}?{urlencode({'q': soql})}"

    def ask_ahead(self, urls: Sequence[str]) -> None:
        """What these queries answer is had by those that are asked next."""
        self._ahead.keep(self.several(urls))

    def several(self, urls: Sequence[str]) -> Mapping[str, Answer]:
        return several(self.api, self.path("composite"), urls[:MOST_PARTS])

    def more(self, envelope: Envelope, before: str | None) -> Answer:
        """The next page, at the address as it was given. Raises CursorLost."""
        if envelope.next is None or not envelope.next.startswith(f"{AREA}/"):
            raise BadResponse("A page that is not the last names no next one.")
        if envelope.next == before:
            raise BadResponse("The pages of a query do not move on.")
        return self._ahead.take(envelope.next) or self.api.get(envelope.next)

    def all(self, soql: str, kind: type[T], *, everything: bool = False) -> list[T]:
        """All rows of a query whose rows are few."""
        answer, before = self.query(soql, everything=everything), None
        rows: list[T] = []
        while True:
            envelope = answer.decode(Envelope)
            rows += decoded(envelope.records, kind)
            if envelope.done:
                return rows
            answer, before = self.more(envelope, before), envelope.next

    def read(self, kind: str, ids: Sequence[str], fields: Sequence[str]) -> Iterator[list[Raw]]:
        """Records by their ids, a request each 2,000; what is not there is left out."""
        for some in batches(ids, MOST_READ):
            body = {"ids": list(some), "fields": list(fields)}
            answer = self.api.search(self.path("composite", "sobjects", kind), body)
            yield [one for one in answer.decode(list[Raw]) if bytes(one) != b"null"]

    def create(self, kind: str, values: Mapping[str, Any]) -> str:
        return self.api.post(self.path("sobjects", kind), values).decode(Saved).id

    def update(self, kind: str, id_: str, values: Mapping[str, Any]) -> None:
        self.api.patch(self.path("sobjects", kind, id_), values)

    def upsert(self, kind: str, field: str, key: str, values: Mapping[str, Any]) -> str:
        """Makes the record with this key or changes it: doing it twice is doing it once."""
        path = self.path("sobjects", kind, field, quote(key, safe=""))
        try:
            answer = self.api.patch(path, values)
        except KeyTaken:
            # Made meanwhile by another one: now it is a change.
            answer = self.api.patch(path, values)
        return answer.decode(Saved).id

    def delete(self, kind: str, id_: str) -> None:
        """Into the Recycle Bin. Raises NotFound."""
        self.api.delete(self.path("sobjects", kind, id_))


def decoded(records: Raw, kind: type[T]) -> list[T]:
    try:
        return msgspec.json.decode(records, type=list[kind])  # type: ignore[valid-type]
    except msgspec.MsgspecError as error:
        raise BadResponse(f"The rows of a query could not be read: {error}") from error


def select(
    names: Sequence[str], kind: str, conditions: Sequence[str] = (), order: str = "Id"
) -> str:
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    # All that is not ours stands in the conditions, as a literal.
    return f"SELECT {', '.join(names)} FROM {kind}{where} ORDER BY {order}"  # noqa: S608


def quoted(text: str) -> str:
    """As a literal of the query language."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def among(name: str, ids: Sequence[str]) -> str:
    return f"{name} IN ({','.join(map(quoted, ids))})"


def literal(moment: datetime) -> str:
    """In UTC: the plus of an offset would be read as a blank."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def batches(ids: Sequence[str], size: int) -> list[Sequence[str]]:
    once = list(dict.fromkeys(ids))
    return [once[start : start + size] for start in range(0, len(once), size)]


def budget(config: SalesforceConfig) -> Budget:
    """The org counts all that call it, so its pauses are for all."""
    account = f"salesforce:{config.base_url}"
    if not config.requests_per_day:
        return unpublished(account)
    return Budget(account, AT_ONCE, A_SECOND, config.requests_per_day)
