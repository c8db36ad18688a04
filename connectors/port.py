"""The port: what a connector is and may offer.

A connector subclasses `Connector` and offers a capability by having its methods, as listed in
`connectors.capabilities`. It never opens a connection, sleeps, counts attempts, reads settings or
touches the database: `self.api` does the wire, `sync` keeps the state.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property, wraps
from inspect import isfunction
from typing import Any, ClassVar, Generic, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from connectors.budget import Budget, unpublished
from connectors.errors import ConnectorError
from connectors.hosts import is_loopback
from connectors.http import ApiClient, Wire, refusal
from connectors.models import ActionStatus, Record, Stream, TargetForm, TaskStatus
from connectors.redaction import Redactor, clean, redacting

R = TypeVar("R", bound=Record, covariant=True)

# Of a field, and how much of each.
SAMPLES, LONGEST_SAMPLE = 3, 80


TASK_STATUSES = {
    TaskStatus.OPEN: ActionStatus.OPEN,
    TaskStatus.DEFERRED: ActionStatus.OPEN,
    TaskStatus.IN_PROGRESS: ActionStatus.IN_PROGRESS,
    TaskStatus.IN_REVIEW: ActionStatus.IN_PROGRESS,
    TaskStatus.DONE: ActionStatus.DONE,
}


class ConnectorConfig(BaseModel):
    """The settings of one connection. Secrets are `SecretStr`; titles are shown in forms."""

    # A refused secret must not be quoted in the refusal.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    task_statuses: Mapping[TaskStatus, ActionStatus] = Field(
        default=TASK_STATUSES,
        title="Task statuses",
        description="Which status of a task in the tool means what for the action here.",
    )


C = TypeVar("C", bound=ConnectorConfig)


@dataclass(frozen=True)
class Window:
    """What changed in the tool since `start`, inclusive; None asks for everything."""

    start: datetime | None = None

    @property
    def is_full(self) -> bool:
        return self.start is None


@dataclass(frozen=True)
class Partition:
    """A share of a stream that is read on its own.

    `after` is the position to go on from: "" at first, then the `position` of the last page that
    was committed. `until` closes the share, inclusive; None leaves it open for new records.
    """

    name: str = "all"
    after: str = ""
    until: str | None = None


@dataclass(frozen=True)
class RefusedRecord:
    """A record in a shape we do not know: set aside with its reason and the raw answer."""

    id: str | None
    reason: str
    raw: str


@dataclass(frozen=True)
class Page(Generic[R]):
    """A committed unit of reading.

    `position` is where the partition goes on after this page; `remote_now` is the tool's clock
    when it was asked, from which watermarks are taken; `requests` is what the page cost.
    """

    records: Sequence[R]
    position: str
    refused: Sequence[RefusedRecord] = ()
    remote_now: datetime | None = None
    requests: int = 1


class Presence(StrEnum):
    """What the tool says of a record that a complete listing did not show."""

    DELETED = "deleted"
    HIDDEN = "hidden"
    PRESENT = "present"


@dataclass(frozen=True)
class HookEvent:
    """An inbound webhook after verification: a hint that `ids` of `stream` changed.

    `dedupe` tells one event from another; tools that tell moments by the second give two changes
    within one second the same. `at` is that moment by the tool's clock, where it tells one.
    """

    stream: Stream
    ids: Sequence[str]
    dedupe: str
    at: datetime | None = None


@dataclass(frozen=True)
class RemoteField:
    name: str
    title: str
    type: str
    custom: bool
    read_only: bool = False
    samples: Sequence[str] = field(default_factory=tuple)


def samples_of(values: Iterable[object]) -> Sequence[str]:
    """A few different ones that say something, cut where they are long."""
    texts = (str(value)[:LONGEST_SAMPLE] for value in values if value not in (None, "", [], 0))
    return tuple(dict.fromkeys(texts))[:SAMPLES]


class Connector(Generic[C]):
    """Base of every tool.

    `lag` is how long the tool takes to show a change in a listing; `overlap` how far back an
    incremental read starts before the last watermark. `longest_call` is how long the tool may be at
    a call, from when it was sent: what it has not done by then it does not do. `shaping` are the
    settings by which records come out differently: when one changes, everything is read again.

    A tool may quote anything in a refusal, also inside an answer that came as a success. So every
    error that leaves a public method, or the pages it gives, loses the secrets of the connection.
    """

    kind: ClassVar[str]
    label: ClassVar[str]
    docs: ClassVar[str]
    Config: ClassVar[type[ConnectorConfig]]
    # For people who connect it: scope → what it is for; limits and quirks, a sentence each.
    scopes: ClassVar[Mapping[str, str]] = {}
    limits: ClassVar[Sequence[str]] = ()
    quirks: ClassVar[Sequence[str]] = ()
    # What a KPI target can become there.
    target_forms: ClassVar[Sequence[TargetForm]] = ()
    lag: ClassVar[timedelta] = timedelta(0)
    overlap: ClassVar[timedelta] = timedelta(minutes=10)
    longest_call: ClassVar[timedelta] = timedelta(minutes=2)
    shaping: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        for name, method in list(vars(cls).items()):
            if isfunction(method) and not name.startswith("_") and name not in INNER:
                setattr(cls, name, _without_secrets(method))

    def __init__(self, config: C, wire: Wire) -> None:
        self.config = config
        self.wire = wire

    @cached_property
    def api(self) -> ApiClient:
        """The client of this account, made at the first call."""
        return ApiClient(
            self.base_url(),
            wire=self.wire,
            budget=self.pacing(),
            auth=self.auth(),
            name_refusal=self.refusal,
        )

    @property
    def requests(self) -> int:
        """How many this connector has sent so far."""
        return self.api.sent if "api" in vars(self) else 0

    def base_url(self) -> str:
        raise NotImplementedError(f"{self.kind} has no address")

    def auth(self) -> httpx.Auth | None:
        return None

    def is_sandbox(self) -> bool:
        """Whether the account is an imitation, whose clock may be set."""
        return is_loopback(httpx.URL(self.base_url()).host)

    def identity(self) -> Sequence[str]:
        """By what the tool's account can be known again, whatever key reaches it. Two connections
        that share a name are to the same account."""
        return (self.base_url(),)

    def budget(self) -> Budget | None:
        """What the provider allows this account; None where it publishes no limit."""
        return None

    def pacing(self) -> Budget:
        """What its calls keep to: at the least the pauses that the tool asks for."""
        return self.budget() or unpublished(f"{self.kind}:{self.identity()[0]}")

    def secrets(self) -> Iterable[SecretStr]:
        """What must never be shown; by default every secret setting."""
        values = (getattr(self.config, name) for name in type(self.config).model_fields)
        return [value for value in values if isinstance(value, SecretStr)]

    @cached_property
    def redact(self) -> Redactor:
        return Redactor(self.secrets())

    def refusal(self, response: httpx.Response) -> ConnectorError | None:
        """The error that this answer stands for, None when the tool accepted the call."""
        return refusal(response, self.label)

    def moved(self) -> Mapping[str, Any]:
        """The settings that name the address under which the account was found; none when it is
        where it was. They are stored after a run, so that the next one calls it there."""
        return {}

    def learned(self) -> Mapping[str, Any]:
        """The settings that the account tells of itself when it is checked. They are stored with
        those that were given, as the process that needs them may not have asked."""
        return {}

    def close(self) -> None:
        if "api" in vars(self):
            self.api.close()

    @abstractmethod
    def check(self) -> str:
        """Try the credentials; returns what to call the account. Raises a ConnectorError that
        names what is missing."""

    def partitions(self, stream: Stream, window: Window) -> Sequence[Partition]:
        """How to cut a read of `stream` into shares read side by side, at most 8."""
        return (Partition(),)


# What a connector tells about itself: no call to the tool, and so no text of the tool's.
INNER = frozenset(
    {
        *("auth", "auth_server", "base_url", "budget", "close", "is_sandbox", "learned", "moved"),
        *("pacing", "refusal", "secrets", "target_as"),
    },
)


def _without_secrets(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def redacted(self: Connector[Any], *args: Any, **kwargs: Any) -> Any:
        with redacting(self.redact):
            found = method(self, *args, **kwargs)
        for each in found.values() if isinstance(found, Mapping) else ():
            # An error may be told and not raised, where it is of one record among many.
            if isinstance(each, ConnectorError):
                clean(each, self.redact)
        return _passed_on(found, self.redact) if isinstance(found, Iterator) else found

    return redacted


def _passed_on(pages: Iterator[Any], redact: Redactor) -> Iterator[Any]:
    with redacting(redact):
        yield from pages


def readable_streams(tool: type[Connector[Any]] | Connector[Any]) -> tuple[Stream, ...]:
    """The streams a tool offers, in reading order: references before what points at them."""
    return tuple(stream for stream in Stream if callable(getattr(tool, stream.value, None)))


def among(pages: Iterable[Page[Any]], ids: Sequence[str]) -> Page[Any]:
    """The records with these ids, those that cannot be read too, of a listing that is short."""
    wanted = set(ids)
    records, refused, requests = [], [], 0
    for page in pages:
        records += [record for record in page.records if record.id in wanted]
        refused += [one for one in page.refused if one.id in wanted]
        requests += page.requests
    return Page(records, position="", refused=refused, requests=requests)


def read(
    connector: Connector[Any], stream: Stream, window: Window, partition: Partition
) -> Iterator[Page[Record]]:
    """Pages of one stream; the method's name is the stream's."""
    pages: Iterator[Page[Record]] = getattr(connector, stream.value)(window, partition)
    return pages
