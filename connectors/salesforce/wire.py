"""Salesforce's calls: addresses of one version, queries page by page, and how it refuses."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Raw, Struct

from connectors.budget import Budget, unpublished
from connectors.errors import (
    AuthFailed,
    BadResponse,
    ConnectorError,
    NotFound,
    NotPermitted,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.http import Answer, ApiClient, refusal
from connectors.salesforce.config import SalesforceConfig

T = TypeVar("T")

AREA = "/services/data"
MOST_READ = 2000
# Ids in one condition: an address may have 16,384 bytes, and they are written with quotes.
IDS_A_QUERY = 200
# No limit per second is published, but 25 long requests at once.
AT_ONCE, A_SECOND = 25, 25.0
# Of the org's requests in 24 hours some may be free again in an hour.
DAY_PAUSE, CONCURRENT_PAUSE, LOCK_PAUSE = 3600.0, 10.0, 1.0
GONE_VERSION = 410
CURSOR_LOST = "INVALID_QUERY_LOCATOR"
TAKEN = "DUPLICATE_VALUE"
NOT_DONE = {"UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT"}
MISSING = {"NOT_FOUND", "ENTITY_IS_DELETED"}
FORBIDDEN = {
    *("INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_ON_CROSS_REF"),
    *("API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED"),
}
RIGHTS = "Give the integration user the missing right in Setup, then run a check."


class CursorLost(BadResponse):
    """The cursor of a query is too old: ask again from where the reading is."""


class KeyTaken(Rejected):
    """Another record has this unique value by now."""


class Envelope(Struct, frozen=True):
    """A page. It is the last one when it says so, however many rows it has."""

    total_size: int = msgspec.field(name="totalSize")
    done: bool
    records: Raw
    next: str | None = msgspec.field(name="nextRecordsUrl", default=None)


class Refusal(Struct, frozen=True, rename="camel"):
    error_code: str = ""
    message: str = ""
    fields: list[str] | None = None


class Saved(Struct, frozen=True):
    """What became of a record that was written."""

    id: str


class Part(Struct, frozen=True, rename="camel"):
    http_status_code: int
    body: Raw = Raw(b"null")


class Parts(Struct, frozen=True, rename="camel"):
    composite_response: list[Part]


class Org:
    """One org. Addresses hold the version of the settings and are made here alone."""

    def __init__(self, api: ApiClient, config: SalesforceConfig) -> None:
        self.api = api
        self._version = config.api_version

    def path(self, *parts: str) -> str:
        return "/".join((AREA, f"v{self._version}", *parts))

    def query(self, soql: str, *, everything: bool = False) -> Answer:
        """`everything` has deleted records of the Recycle Bin and archived tasks."""
        return self.api.get(self.path("queryAll" if everything else "query"), {"q": soql})

    def more(self, envelope: Envelope, before: str | None) -> Answer:
        """The next page, at the address as it was given. Raises CursorLost."""
        if envelope.next is None or not envelope.next.startswith(f"{AREA}/"):
            raise BadResponse("A page that is not the last names no next one.")
        if envelope.next == before:
            raise BadResponse("The pages of a query do not move on.")
        return self.api.get(envelope.next)

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
        part = {
            "method": "DELETE",
            "url": self.path("sobjects", kind, id_),
            "referenceId": "gone",
        }
        body = {"allOrNone": False, "compositeRequest": [part]}
        answer = self.api.post(self.path("composite"), body, repeatable=True)
        for told in answer.decode(Parts).composite_response:
            if told.http_status_code >= httpx.codes.MULTIPLE_CHOICES:
                raise named(told.http_status_code, _refusals(bytes(told.body)))


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
    account = f"salesforce:{config.base_url}:{config.client_id}"
    if not config.requests_per_day:
        return unpublished(account)
    return Budget(account, AT_ONCE, A_SECOND, config.requests_per_day)


def name_refusal(response: httpx.Response) -> ConnectorError | None:
    status = response.status_code
    if status < httpx.codes.MULTIPLE_CHOICES:
        return None
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return refusal(response)
    if status == httpx.codes.MULTIPLE_CHOICES:
        return Rejected(
            "Several records in Salesforce carry this key.",
            next_step="Make the key field an external id with unique values, delete the records "
            "that are too many, then retry the write.",
        )
    told = _refusals(response.content)
    return named(status, told) if told else refusal(response)


def named(status: int, told: Sequence[Refusal]) -> ConnectorError:
    """By the code, since the status of an exhausted limit is that of a missing right."""
    code = told[0].error_code if told else ""
    words = _words(told)
    if code == "REQUEST_LIMIT_EXCEEDED":
        pause = CONCURRENT_PAUSE if "Concurrent" in words else DAY_PAUSE
        return RateLimited(f"The org's requests are used up: {words}", retry_after=pause)
    if code in NOT_DONE:
        return RateLimited(
            f"Salesforce was busy: {words}", retry_after=LOCK_PAUSE, of_account=False
        )
    if status == httpx.codes.UNAUTHORIZED:
        return AuthFailed(f"Salesforce does not accept the session: {words}")
    if code in FORBIDDEN or status == httpx.codes.FORBIDDEN:
        return NotPermitted(f"The user may not do this in Salesforce: {words}", next_step=RIGHTS)
    if status == GONE_VERSION:
        step = "Set api_version to one that the org offers, then run a check."
        return NotPermitted("Salesforce does not offer this version any more.", next_step=step)
    if code in MISSING or status == httpx.codes.NOT_FOUND:
        return NotFound("Salesforce does not have this record.")
    if code == CURSOR_LOST:
        return CursorLost(f"Salesforce has lost the cursor: {words}")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unavailable(f"Salesforce answers with status {status}.")
    return (KeyTaken if code == TAKEN else Rejected)(f"Salesforce refuses the request: {words}")


def _refusals(content: bytes) -> Sequence[Refusal]:
    try:
        return msgspec.json.decode(content, type=list[Refusal])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ()


def _words(told: Sequence[Refusal]) -> str:
    """Messages, codes and the fields that the org's own rules miss."""
    parts = []
    for one in told:
        names = f" ({', '.join(one.fields)})" if one.fields else ""
        parts.append(
            f"{one.message.rstrip('.') or 'it does not say why'}{names} [{one.error_code}]"
        )
    return f"{'; '.join(parts) or 'it does not say why'}."
