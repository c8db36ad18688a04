"""Pipedrive's dialect: two versions side by side, the envelope, its refusals, the token budget.

Every call has a price in tokens of the company's day; each method here names it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import httpx
import msgspec
from msgspec import Raw, Struct

from connectors.budget import Meter, Used
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
from connectors.http import Answer, ApiClient, remote_now, retry_after

T = TypeVar("T")

DAILY = "daily tokens"
# Refusals that tell of no limit. A burst is over after its window: what is refused again after
# that, and again, is refused for the day.
UNTOLD, MOST_UNTOLD, REMEMBERED = "refusals without a limit", 3, 60.0
# Pulls leave the last fifth of the day's tokens to writes and to people's other apps.
SPENT = 0.8
# When the day ends is the server's midnight, of a zone it does not tell: asked again each hour.
NEXT_LOOK = 3600.0
BLOCKED = 1800.0
WINDOW = 2.0
MOST_PAGES = 100


class Forbidden(Rejected):
    """This one thing is not for the key's user, by right or by plan; others may be."""

    next_step = "Give the key's user the right in Pipedrive, or take the record out, then retry."


class Fault(Struct, frozen=True):
    error: Any = None
    error_info: Any = None
    message: Any = None
    code: str | None = None

    def told(self) -> str:
        text = self.error or self.message or self.error_info or self.code or ""
        return str(text).strip().rstrip(".")[:300]


class Pagination(Struct, frozen=True):
    more_items_in_collection: bool = False
    next_start: int | None = None


class Additional(Struct, frozen=True):
    next_cursor: str | None = None
    pagination: Pagination | None = None


class Envelope(Struct, frozen=True):
    """`success` may be false under status 200."""

    success: bool
    data: Raw = Raw(b"null")
    additional_data: Additional | None = None
    error: Any = None
    error_info: Any = None

    @property
    def next_cursor(self) -> str | None:
        return self.additional_data.next_cursor if self.additional_data else None

    @property
    def has_more(self) -> bool:
        return self._pages is not None and self._pages.more_items_in_collection

    @property
    def next_start(self) -> int | None:
        return self._pages.next_start if self._pages else None

    @property
    def _pages(self) -> Pagination | None:
        return self.additional_data.pagination if self.additional_data else None


class Company:
    """One company's account: reads and writes by path below `/api/`."""

    def __init__(self, api: ApiClient, meter: Meter, *, bulk: bool) -> None:
        self._api = api
        self._meter = meter
        self._bulk = bulk

    def read(self, path: str, params: Mapping[str, Any] | None, cost: int) -> "Read":
        if self._bulk:
            self._mind()
        answer = self._api.get(f"api/{path}", params, cost=cost)
        return Read(opened(answer), remote_now(answer))

    def every(self, path: str, into: type[list[T]], cost: int) -> "Every[T]":
        """All rows of a list by cursor that is short as a rule."""
        rows: list[T] = []
        cursor: str | None = None
        now: datetime | None = None
        for asked in range(1, MOST_PAGES + 1):
            read = self.read(path, {"limit": 500, "cursor": cursor}, cost)
            now = now or read.now
            rows += listed(read.envelope.data, into)
            following = read.envelope.next_cursor
            if following is None:
                return Every(rows, now, asked)
            if following == cursor:
                break
            cursor = following
        raise BadResponse(f"The list {path} has no end.")

    def get(
        self, path: str, into: type[T], cost: int, params: Mapping[str, Any] | None = None
    ) -> T:
        return data_of(self._api.get(f"api/{path}", params, cost=cost), into)

    def post(self, path: str, body: Mapping[str, Any], into: type[T], cost: int) -> T:
        return data_of(self._api.post(f"api/{path}", body, cost=cost), into)

    def patch(self, path: str, body: Mapping[str, Any], cost: int) -> None:
        opened(self._api.patch(f"api/{path}", body, cost=cost))

    def delete(self, path: str, cost: int) -> None:
        opened(self._api.delete(f"api/{path}", cost=cost))

    def _mind(self) -> None:
        used = self._meter.read(DAILY)
        if used is not None and used.amount >= SPENT:
            raise RateLimited(
                "The company has used four fifths of its tokens of the day; the rest is kept for "
                "writes.",
                retry_after=used.resets_in,
            )


class Read(Struct, frozen=True):
    envelope: Envelope
    now: datetime | None


@dataclass(frozen=True)
class Every(Generic[T]):
    rows: list[T]
    now: datetime | None
    requests: int


def opened(answer: Answer) -> Envelope:
    envelope = answer.decode(Envelope)
    if not envelope.success:
        told = Fault(envelope.error, envelope.error_info).told()
        raise Rejected(f"Pipedrive refuses the request: {told or 'it gives no reason'}.")
    return envelope


def data_of(answer: Answer, into: type[T]) -> T:
    return decode(opened(answer).data, into)


def decode(raw: Raw, into: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=into, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadResponse(f"Pipedrive's answer could not be read: {error}") from error


def listed(raw: Raw, into: type[list[T]]) -> list[T]:
    """v1 tells an empty list as null."""
    return [] if bytes(raw) == b"null" else decode(raw, into)


def name_refusal(response: httpx.Response, meter: Meter) -> ConnectorError | None:
    _note(response, meter)
    status = response.status_code
    if status < 300:
        return None
    is_json = "json" in response.headers.get("Content-Type", "")
    told = _fault(response).told() if is_json else ""
    because = f": {told}." if told else "."
    if status == 401:
        return AuthFailed(f"Pipedrive does not accept the token{because}")
    if status == 402:
        return NotPermitted(
            f"The company's account is not paid for{because}",
            next_step="Pay for the account in Pipedrive, then run a check.",
        )
    if status == 403 and not is_json:
        # The CDN's page, after too many refused calls: nobody may ask for half an hour.
        return RateLimited("Pipedrive blocks our address for a while.", retry_after=BLOCKED)
    if status == 403:
        return Forbidden(f"Pipedrive does not allow this{because}")
    if status in (404, 410):
        return NotFound("Pipedrive does not have this record (any more).")
    if status == 429:
        return _too_much(response, meter, told)
    if status == 408 or status >= 500:
        return Unavailable(f"Pipedrive answers with status {status}.")
    if status < 400:
        return BadResponse(f"Pipedrive answers with an unexpected redirect ({status}).")
    return Rejected(f"Pipedrive refuses the request (status {status}){because}")


def _too_much(response: httpx.Response, meter: Meter, told: str) -> ConnectorError:
    """A budget that is used up does not come back within the day: it is not asked in a loop."""
    if _is_of_the_day(response, meter, told):
        wait = retry_after(response, NEXT_LOOK) or NEXT_LOOK
        meter.note(DAILY, Used(1.0, wait))
        return RateLimited("The company's tokens of the day are used up.", retry_after=wait)
    reset = _number(response, "x-ratelimit-reset")
    wait = retry_after(response, WINDOW if reset is None else reset)
    return RateLimited("Pipedrive asks for a pause.", retry_after=wait)


def _is_of_the_day(response: httpx.Response, meter: Meter, told: str) -> bool:
    """The header that says so is sometimes absent: then by the words, by a burst that has calls
    left, or by refusals that outlast a burst."""
    left = _number(response, "x-daily-ratelimit-token-remaining")
    if left is not None:
        return left == 0
    if "daily" in told.lower() or _number(response, "x-ratelimit-remaining"):
        return True
    names = ("retry-after", "x-ratelimit-remaining", "x-ratelimit-reset")
    return not any(name in response.headers for name in names) and _lasts(meter)


def _lasts(meter: Meter) -> bool:
    before = meter.read(UNTOLD)
    if before is not None and REMEMBERED - before.resets_in < WINDOW:
        return False
    count = 1.0 + (before.amount if before else 0.0)
    meter.note(UNTOLD, Used(count, REMEMBERED))
    return count >= MOST_UNTOLD


def _note(response: httpx.Response, meter: Meter) -> None:
    limit = _number(response, "x-daily-ratelimit-token-limit")
    left = _number(response, "x-daily-ratelimit-token-remaining")
    if limit and left is not None and 1 - left / limit >= SPENT:
        meter.note(DAILY, Used(1 - left / limit, NEXT_LOOK))


def _number(response: httpx.Response, name: str) -> float | None:
    try:
        return max(0.0, float(response.headers[name]))
    except (KeyError, ValueError):
        return None


def _fault(response: httpx.Response) -> Fault:
    try:
        return msgspec.json.decode(response.content, type=Fault)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Fault()
