"""The wire: one client for all tools, which signs, paces, retries and names errors.

A connector gives it a path and a body and gets bytes that decode to a type. A read is repeated
after a pause; a write is repeated only when the tool said that it did not do it. A write whose
answer was lost raises OutcomeUnknown, for the caller to look its key up.
"""

import json as jsonlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar

import httpx
import msgspec
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from connectors.auth import TokenStore
from connectors.budget import Budget, Limiter, MemoryMeter, Meter
from connectors.errors import (
    AuthFailed,
    BadResponse,
    ConnectorError,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TryLater,
    Unavailable,
)
from connectors.hosts import why_unreachable
from connectors.renames import not_the_tool, renamed_to
from connectors.turns import SIDE_BY_SIDE, off_turn

T = TypeVar("T")
Make = Callable[..., httpx.Request]

ATTEMPTS = 5
# A longer wait is not slept through in a worker: it ends the slice and the run waits in the queue.
LONGEST_WAIT = 60.0
# Where the tool asks for one in words that nobody reads.
UNREADABLE_PAUSE = 60.0
TIMEOUT = httpx.Timeout(70.0, connect=10.0)
UNREACHABLE = "The tool cannot be reached: "
USER_AGENT = "retro-roi/0.1"
# Some tools have tables to give, where they are asked for them.
ACCEPTED = "application/json, */*;q=0.5"


@dataclass(frozen=True)
class Wire:
    """The effects of a connector, given by the wiring.

    `limiter` gives the shared budget of an account, `meter` what it used of the tool's own limits,
    `tokens` where an OAuth pair is kept, and `transport` replaces the network in tests or guards
    it. The reads of a `bulk` connector leave a reserve of the budget to everybody else.
    """

    limiter: Callable[[Budget], Limiter]
    sleep: Callable[[float], None]
    tokens: TokenStore | None = None
    transport: httpx.BaseTransport | None = None
    meter: Callable[[str], Meter] = lambda _account: MemoryMeter()
    bulk: bool = False


@dataclass(frozen=True)
class Answer:
    """What a tool sent back, not decoded yet.

    Who decodes it another way calls `understood` then: only an answer that can be read proves that
    a new address is the account's.
    """

    content: bytes
    headers: Mapping[str, str]
    understood: Callable[[], None] = lambda: None

    def decode(self, into: type[T]) -> T:
        """Raises BadResponse when the body is not of this type."""
        try:
            decoded = msgspec.json.decode(self.content, type=into)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BadResponse(f"The tool's answer could not be read: {error}") from error
        self.understood()
        return decoded


def refusal(response: httpx.Response, tool: str = "The tool") -> ConnectorError | None:
    """Names an HTTP status the usual way; a tool that refuses otherwise brings its own. The texts
    begin with `tool`."""
    status = response.status_code
    if status < 300:
        return None
    if status == 401:
        return AuthFailed(f"{tool} does not accept the key.")
    if status == 403:
        return NotPermitted("The key may not do this in the tool.")
    if status in (404, 410):
        return NotFound(f"{tool} does not have this record.")
    if status == 429:
        return RateLimited(f"{tool} asks for a pause.", retry_after=retry_after(response))
    if status >= 500:
        return Unavailable(f"{tool} answers with status {status}.")
    if status < 400:
        return BadResponse(f"{tool} answers with an unexpected redirect ({status}).")
    return Rejected(f"{tool} refuses the request (status {status}).")


def retry_after(response: httpx.Response, otherwise: float = 1.0) -> float:
    """The pause in seconds that the answer asks for; `otherwise` where it names none. A date is
    counted from the one that the answer itself bears, since clocks differ."""
    named = response.headers.get("Retry-After")
    if named is None:
        return otherwise
    try:
        return max(0.0, float(named))
    except ValueError:
        pass
    try:
        until, there = (parsedate_to_datetime(t) for t in (named, response.headers["Date"]))
        return max(0.0, (until - there).total_seconds())
    except (KeyError, TypeError, ValueError):
        return UNREADABLE_PAUSE


def remote_now(answer: Answer) -> datetime | None:
    """The tool's clock, as the head of an answer tells it: whole seconds, downwards."""
    try:
        return parsedate_to_datetime(answer.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return None


class ApiClient:
    """One account of one tool. Safe to share between the threads of one run.

    `sent` counts the requests that went out, repetitions too; exact where one thread asks.
    """

    def __init__(
        self,
        base_url: str,
        *,
        wire: Wire,
        budget: Budget | None = None,
        auth: httpx.Auth | None = None,
        name_refusal: Callable[[httpx.Response], ConnectorError | None] = refusal,
    ) -> None:
        self._sleep = wire.sleep
        self._limiter_of = wire.limiter
        self._limiter = wire.limiter(budget) if budget else None
        self._urgent = not wire.bulk
        self._name_refusal = name_refusal
        self._before_write: Callable[[], None] = lambda: None
        self.moved_to: str | None = None
        self.sent = 0
        self._client = httpx.Client(
            base_url=base_url,
            auth=auth,
            timeout=TIMEOUT,
            transport=wire.transport,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=SIDE_BY_SIDE),
            headers={"User-Agent": USER_AGENT, "Accept": ACCEPTED},
        )

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def announcing(self, before_write: Callable[[], None]) -> Iterator[None]:
        """`before_write` is called right before each write goes out that must not be done twice,
        when its budget has been waited for; what it raises keeps the write from going out."""
        self._before_write = before_write
        try:
            yield
        finally:
            self._before_write = lambda: None

    def get(self, path: str, params: Mapping[str, Any] | None = None, *, cost: int = 1) -> Answer:
        """`cost` is what the call takes of the account's limit per day, here as in all others."""
        return self._call("GET", path, params=params, repeatable=True, cost=cost)

    def search(
        self,
        path: str,
        json: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        budget: Budget | None = None,
    ) -> Answer:
        """A read by POST. `budget` is one that such calls have beside that of the account."""
        return self._call(
            "POST", path, params=params, json=json or {}, repeatable=True, budget=budget
        )

    def post(
        self,
        path: str,
        json: Mapping[str, Any],
        *,
        repeatable: bool = False,
        headers: Mapping[str, str] | None = None,
        cost: int = 1,
    ) -> Answer:
        """A write. `repeatable` says that doing it twice leaves what doing it once leaves."""
        return self._call(
            "POST", path, json=json, repeatable=repeatable, headers=headers, cost=cost
        )

    def patch(self, path: str, json: Mapping[str, Any], *, cost: int = 1) -> Answer:
        """A write of some fields: doing it twice leaves what doing it once leaves."""
        return self._call("PATCH", path, json=json, repeatable=True, cost=cost)

    def delete(self, path: str, *, cost: int = 1) -> Answer:
        return self._call("DELETE", path, repeatable=True, cost=cost)

    def _call(
        self,
        verb: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool,
        budget: Budget | None = None,
        cost: int = 1,
    ) -> Answer:
        given = {k: v for k, v in (params or {}).items() if v is not None}
        body = None if json is None else jsonlib.dumps(json, ensure_ascii=False).encode()
        heads = dict(headers or {})
        if body is not None:
            heads["Content-Type"] = "application/json"
        make = partial(self._client.build_request, verb, content=body, headers=heads)
        waited = 0.0
        limiters = [self._limiter_of(budget)] if budget else []
        limiters += [self._limiter] if self._limiter else []
        with off_turn():
            for attempt in Retrying(
                retry=retry_if_exception(_worth_repeating),
                stop=stop_after_attempt(ATTEMPTS),
                wait=_pause,
                sleep=self._sleep,
                reraise=True,
            ):
                # Outside of the attempt: a budget that was waited for in vain is not tried again.
                for limiter in limiters:
                    waited = self._wait_for_budget(limiter, waited, cost)
                with attempt:
                    request = make(path, params=given or None)
                    return self._send(make, request, repeatable, limiters)
        raise AssertionError("tenacity returns or raises")

    def _send(
        self, make: Make, request: httpx.Request, repeatable: bool, counted: Sequence[Limiter]
    ) -> Answer:
        response = self._exchange(request, repeatable)
        there = renamed_to(response)
        if there is None:
            return self._answer(response, repeatable, counted)
        # Body and all: httpx would turn a POST into a GET and lose the body, which some tools
        # answer with page one of everything. The redirect took nothing of the account's budget.
        try:
            answer = self._answer(self._exchange(make(there), repeatable), repeatable, counted)
        except ConnectorError as error:
            raise not_the_tool(there, error) from error
        return replace(answer, understood=partial(self._settle, there))

    def _settle(self, there: httpx.URL) -> None:
        self._client.base_url = self._client.base_url.copy_with(host=there.host, port=there.port)
        self.moved_to = str(self._client.base_url)

    def _exchange(self, request: httpx.Request, repeatable: bool) -> httpx.Response:
        if not repeatable:
            self._before_write()
        self.sent += 1
        try:
            return self._client.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as lost:
            raise Unavailable(f"{UNREACHABLE}{why_unreachable(lost, TIMEOUT.connect)}.") from lost
        except httpx.HTTPError as lost:
            if repeatable:
                raise Unavailable("The tool's answer was lost on the way.") from lost
            raise OutcomeUnknown("The answer to a write was lost on the way.") from lost

    def _answer(
        self, response: httpx.Response, repeatable: bool, counted: Sequence[Limiter]
    ) -> Answer:
        error = self._name_refusal(response)
        if error is None:
            # Its stream knows the response: the two would keep megabytes until a collection.
            response.stream = httpx.ByteStream(b"")
            return Answer(response.content, response.headers)
        if isinstance(error, RateLimited) and error.of_account:
            # The first is the call's own where it has one, the last the account's.
            for limiter in counted[-1:] if error.of_all_calls else counted[:1]:
                limiter.refused(error.retry_after)
        if isinstance(error, Unavailable) and not repeatable:
            error = OutcomeUnknown(f"{error.message} The write may have taken effect.")
        raise error

    def _wait_for_budget(self, limiter: Limiter, waited: float, cost: int) -> float:
        """How long the call has waited for it by then, with all its repetitions."""
        while (seconds := limiter.acquire(self._urgent, cost)) > 0:
            if waited + seconds > LONGEST_WAIT:
                raise RateLimited("The request budget is used up.", retry_after=seconds)
            self._sleep(seconds)
            waited += seconds
        return waited


def _worth_repeating(error: BaseException) -> bool:
    if isinstance(error, RateLimited):
        return error.retry_after <= LONGEST_WAIT
    return isinstance(error, TryLater)


_backoff = wait_random_exponential(multiplier=0.5, max=20.0)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    least = error.retry_after if isinstance(error, RateLimited) else 0.0
    return least + float(_backoff(state))
