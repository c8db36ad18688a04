"""The dialect: method calls, their envelope, batches of commands, the portal's own time limits.

REST 2 and REST 3 live side by side under two paths; CRM is in 2 only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Raw, Struct

from connectors.bitrix24.refusals import Fault, named, refusal
from connectors.budget import Meter, Used
from connectors.errors import BadResponse, ConnectorError, RateLimited
from connectors.http import Answer, ApiClient

T = TypeVar("T")

MAX_COMMANDS = 50
# Seconds of server time per method and 10 minutes: the vendor's ceilings are 480 (cloud) and 420
# (self-hosted); stopping before the call that is refused leaves the method to interactive work.
OPERATING_PLAN = 400.0
# Long enough to wait in the queue, not in a worker.
OPERATING_UNKNOWN = 120.0


class Times(Struct, frozen=True):
    """`start` is the portal's clock; `operating` is missing where the limiter is off."""

    start: float
    duration: float = 0.0
    processing: float = 0.0
    operating: float | None = None
    operating_reset_at: float | None = None


class Envelope(Struct, frozen=True):
    result: Raw
    time: Times | None = None


class BatchBody(Struct, frozen=True):
    """An empty map comes as `[]`, a filled one as `{}`."""

    result: dict[str, Raw] | list[Raw]
    result_error: dict[str, Fault] | list[Raw] = []
    result_time: dict[str, Times] | list[Raw] = []


@dataclass(frozen=True)
class Ref:
    """The place of a value in the answer of an earlier command of the same batch."""

    path: str


@dataclass(frozen=True)
class Command:
    name: str
    method: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Batch:
    commands: Mapping[str, Command]
    results: Mapping[str, Raw]
    faults: Mapping[str, Fault]
    time: Times | None
    operating: "OperatingTime"

    @property
    def remote_now(self) -> datetime | None:
        return None if self.time is None else datetime.fromtimestamp(self.time.start, UTC)

    def error(self, name: str) -> ConnectorError | None:
        fault = self.faults.get(name)
        if fault is None:
            return None
        method = self.commands[name].method
        error = named(fault, method, operating_wait=self.operating.wait(method))
        return _shared(error, method, self.operating)

    def outcome(self, name: str) -> ConnectorError | None:
        """What a command failed with, None when it was done."""
        try:
            self.result(name)
        except ConnectorError as error:
            return error
        return None

    def result(self, name: str) -> Raw:
        """Raises the command's own error: an answer of status 200 may hold failures."""
        error = self.error(name)
        if error is not None:
            raise error
        if name not in self.results:
            raise BadResponse(f"The portal left {self.commands[name].method} out of a batch.")
        return self.results[name]


def query_string(params: Mapping[str, Any]) -> str:
    """A command's parameters. Each value is percent-encoded once: a `+` or `&` would be lost."""
    return "&".join(f"{key}={value}" for key, value in _flat(params))


def _flat(params: Mapping[str, Any], inside: str = "") -> Iterator[tuple[str, str]]:
    for name, value in params.items():
        encoded = _quoted(str(name))
        key = f"{inside}[{encoded}]" if inside else encoded
        if isinstance(value, Mapping):
            yield from _flat(value, key)
        elif isinstance(value, list | tuple):
            yield from _flat({str(i): item for i, item in enumerate(value)}, key)
        elif isinstance(value, Ref):
            yield key, f"$result{value.path}"
        else:
            yield key, _quoted(_text(value))


# A chain of pages names the same fields fifty times a request.
@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return quote(text, safe="")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "Y" if value else "N"
    return "" if value is None else str(value)


def moment_text(moment: datetime) -> str:
    """A bound of a filter: whole seconds in UTC, downwards, as the portal tells its own moments.

    Everything that filters by time sends this form, and `check` tries it.
    """
    return moment.astimezone(UTC).replace(microsecond=0).isoformat()


def decode(raw: Raw | bytes, into: type[T]) -> T:
    """Numbers may come as text. Raises BadResponse when the answer is not of this type."""
    try:
        return msgspec.json.decode(raw, type=into, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadResponse(f"The portal's answer could not be read: {error}") from error


class OperatingTime:
    """What the portal told of each method's server time. All processes share it by the meter."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def note(self, method: str, times: Times | None) -> None:
        if times is not None and times.operating is not None:
            self._meter.note(method, Used(times.operating, _until_reset(times)))

    def blocked(self, method: str) -> None:
        """The portal refuses this method: nobody reads by it until some of its time is back."""
        self._meter.note(method, Used(OPERATING_PLAN, self.wait(method)))

    def wait(self, method: str) -> float:
        """How long a blocked method stays so."""
        used = self._meter.read(method)
        return OPERATING_UNKNOWN if used is None else used.resets_in

    def mind(self, *methods: str) -> None:
        """Raises RateLimited when one of them is about to be blocked, until some of its time has
        come back.

        It is for bulk reads: only they stop early, writes go on.
        """
        for method in methods:
            used = self._meter.read(method)
            if used is not None and used.amount >= OPERATING_PLAN:
                raise RateLimited(
                    f"The portal has almost used up its time for {method}.",
                    retry_after=max(1.0, used.resets_in),
                    of_account=False,
                )


def _until_reset(times: Times) -> float:
    if times.operating_reset_at is None:
        return OPERATING_UNKNOWN
    return max(1.0, times.operating_reset_at - times.start + 1.0)


class Portal:
    """Calls one portal by method name. `prefix` is `<user>/<code>/` of a webhook, else empty."""

    def __init__(self, api: ApiClient, prefix: str, operating: OperatingTime) -> None:
        self._api = api
        self._prefix = prefix
        self.operating = operating

    def read(self, method: str, params: Mapping[str, Any], into: type[T]) -> T:
        return self._opened(method, self._api.search(self._prefix + method, params), into)

    def write(
        self, method: str, params: Mapping[str, Any], into: type[T], *, repeatable: bool = False
    ) -> T:
        """A single call, never part of a batch of reads: a blocked bulk read must not block
        writes."""
        answer = self._api.post(self._prefix + method, params, repeatable=repeatable)
        return self._opened(method, answer, into)

    def write_v3(
        self, method: str, params: Mapping[str, Any], into: type[T], *, key: str | None = None
    ) -> T:
        """`key` makes the portal answer a repetition within 24 hours from its memory."""
        headers = None if key is None else {"Idempotency-Key": key}
        answer = self._api.post(f"api/{self._prefix}{method}", params, headers=headers)
        return self._opened(method, answer, into)

    def batch(self, commands: Sequence[Command], *, halt: bool = False) -> Batch:
        """Up to 50 commands in one request, in order, each failing alone; `halt` stops at the first
        that fails. For reads, and for writes that leave the same when they are done twice: what a
        lost answer did is not known of any of them."""
        cmd = {one.name: f"{one.method}?{query_string(one.params)}" for one in commands}
        answer = self._api.search(self._prefix + "batch", {"halt": int(halt), "cmd": cmd})
        envelope = _envelope(answer)
        body = decode(envelope.result, BatchBody)
        results, times = _mapping(body.result), _mapping(body.result_time)
        self.operating.note("batch", envelope.time)
        # The figure of a method only grows within a batch: its last one tells it all.
        last = {one.method: times[one.name] for one in commands if one.name in times}
        for method, spent in last.items():
            self.operating.note(method, spent)
        named_commands = {one.name: one for one in commands}
        faults = _mapping(body.result_error)
        return Batch(named_commands, results, faults, envelope.time, self.operating)

    def batches(self, commands: Sequence[Command]) -> Iterator[Batch]:
        """Any number of commands that do not need each other."""
        for start in range(0, len(commands), MAX_COMMANDS):
            yield self.batch(commands[start : start + MAX_COMMANDS])

    def _opened(self, method: str, answer: Answer, into: type[T]) -> T:
        envelope = _envelope(answer)
        self.operating.note(method, envelope.time)
        return decode(envelope.result, into)


def _envelope(answer: Answer) -> Envelope:
    envelope = decode(answer.content, Envelope)
    answer.understood()
    return envelope


def _mapping(value: dict[str, T] | list[Raw]) -> Mapping[str, T]:
    if isinstance(value, dict):
        return value
    if value:
        raise BadResponse("The portal answered a batch with a list: its command names are lost.")
    return {}


def name_refusal(response: httpx.Response, operating: OperatingTime) -> ConnectorError | None:
    method = response.request.url.path.rsplit("/", 1)[-1]
    error = refusal(response, operating_wait=operating.wait(method))
    return None if error is None else _shared(error, method, operating)


def _shared(error: ConnectorError, method: str, operating: OperatingTime) -> ConnectorError:
    """A method that is blocked for one process is blocked for all."""
    if isinstance(error, RateLimited) and not error.of_account:
        operating.blocked(method)
    return error
