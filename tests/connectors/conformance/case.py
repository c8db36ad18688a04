"""What a tool brings to the kit: a case. The rows know no tool; all that is special stands here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Protocol

import httpx

from connectors.auth import Token
from connectors.models import Stream
from connectors.port import Connector

Json = dict[str, Any]


class Account(Protocol):
    """An account of the tool from behind: what its users and its vendor do, and how to reach it.

    `published` are settings for an account that keeps to the published limits. `edit` takes
    `{"set": {...}}` or `{"delete": true}` in the tool's own names; the id `new` creates. `truth` is
    what a right connector must hold, in our names. `log` are the requests so far, each with the
    account's `time` and its `path`.
    """

    settings: Mapping[str, Any]
    published: Mapping[str, Any]
    transport: httpx.BaseTransport

    def edit(self, stream: Stream, record_id: str, change: Json) -> str: ...

    def truth(self, stream: Stream, query: str = "") -> list[Json]: ...

    def set_clock(self, moment: datetime) -> None: ...

    def log(self) -> list[Json]: ...

    def end(self) -> None: ...


@dataclass(frozen=True)
class Shape:
    """How a record looks in an answer: any JSON object with an `id` and all of `keys`. Its fields
    lie in it, or in the object `inside` it. `moment` is when it changed, `needed` a field that
    every record has.
    """

    keys: frozenset[str]
    moment: str
    needed: str
    title: str = "title"
    inside: str | None = None
    id: str = "id"

    def rows(self, document: Any) -> Iterator[Json]:
        """All records in an answer, to be changed in place."""
        if isinstance(document, list):
            for each in document:
                yield from self.rows(each)
        elif isinstance(document, dict):
            # What is under the id of a description of fields is one more description.
            if self.keys <= document.keys() and isinstance(document.get(self.id), int | str):
                yield document
            for each in document.values():
                yield from self.rows(each)

    def widths(self, document: Any) -> Iterator[int]:
        """How many records each list in an answer has."""
        if isinstance(document, list):
            yield sum(1 for each in document if any(row is each for row in self.rows(each)))
        values = document.values() if isinstance(document, dict) else document
        for each in values if isinstance(document, dict | list) else ():
            yield from self.widths(each)

    def fields(self, row: Json) -> Json:
        held: Json = row[self.inside] if self.inside else row
        return held

    def found(self, document: Any) -> Iterator[Json]:
        """The fields of all records in an answer."""
        return (self.fields(row) for row in self.rows(document))


@dataclass(frozen=True)
class Links:
    """Where an answer to a listing has its rows and the cursor of the next page, as keys."""

    rows: Sequence[str]
    next: Sequence[str]


@dataclass(frozen=True)
class Custom:
    """A custom field of the stream: its `name`, how rows show it, and the settings that map these
    remote names to themselves. It lies among the fields of a row, or in the object `inside` them.
    `several` makes so many fields of texts in the account: the name of each, and how rows show it.
    """

    name: str
    shown: str
    mapped: Callable[[Sequence[str]], Mapping[str, Any]]
    several: Callable[[Account, int], Mapping[str, str]]
    inside: str | None = None
    # Whether rows tell fields that nobody asked for.
    unasked: bool = False

    def filled(self, values: Json) -> Json:
        """A change of a record that gives its fields these values."""
        return {"set": {self.inside: values} if self.inside else values}

    def among(self, fields: Json) -> Json:
        held: Json = fields[self.inside] if self.inside else fields
        return held


@dataclass(frozen=True)
class Tasks:
    """Whom tasks are given to; `refused` is what a task must hold for the tool to refuse it;
    `query` goes to the truth."""

    owner: str
    shape: Shape
    refused: Mapping[str, Any] = field(default_factory=dict)
    query: str = ""
    # The path of a write that takes many rows and refuses them all for one, as its log tells it.
    whole_batch: str | None = None
    refused_in_batch: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class History:
    """How a row from which moves are told looks; `of` makes a record that has moves, where those of
    the case's own stream have none."""

    shape: Shape
    of: tuple[Stream, Json] | None = None


Post = tuple[Mapping[str, str], bytes]


@dataclass(frozen=True)
class Hooks:
    """`post` is the call of the tool about a change of a record at a moment, proven by what the
    settings hold; `secret` is the setting by which it is proven."""

    post: Callable[[Mapping[str, Any], Stream, str, datetime], Post]
    secret: str


@dataclass(frozen=True)
class Consent:
    """An account whose access tokens live for so many seconds, and its first pair; `renewal` is a
    part of the path at which a pair is renewed."""

    opened: Callable[[int], tuple[Account, Token]]
    renewal: str


@dataclass(frozen=True)
class Limit:
    """A limit beside that of all requests: the most of what `counts` tells of each, by its entry
    in the account's log, within so many seconds. To use it up takes so many whole `reads` of a
    stream, where reads of what changed do not."""

    name: str
    counts: Callable[[Json], float]
    allows: Callable[[float], float]
    reads: tuple[Stream, int] | None = None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a stream is read, and what its records are made of.

    `cap` is the most rows that one search or request gives, `page` the most of a page; `delta_page`
    that of a read of what changed, where it is another. `made_as` is the stream that is edited
    where the records of this one follow from another's; `left_out` are rows that say nothing of it.
    """

    page: int = 0
    cap: int = 0
    delta_page: int = 0
    stream: Stream = Stream.DEALS
    made_as: Stream | None = None
    left_out: frozenset[str] = frozenset()
    # Whether a page may begin with rows of the one before it.
    overlaps: bool = False
    # What a new record is made of, with all that the mirror holds of one; some have ended.
    new: Callable[[str], Json] = lambda title: {"title": title}
    # What else a change says that makes one, and the changes that follow it at once.
    beside: Json = field(default_factory=dict)
    then: Sequence[Json] = ()
    shape: Shape | None = None
    links: Links | None = None
    custom: Custom | None = None
    query: str = ""
    archive: Json | None = None
    away_and_back: tuple[Json, Json] | None = None
    merge: Callable[[Account, str, str], None] | None = None

    @property
    def most_changed(self) -> int:
        """Of a page of what changed."""
        return self.delta_page or self.page


@dataclass(frozen=True, kw_only=True)
class Case(Reading):
    """`also` are further streams, whose paths are others: the rows that look for that run on each.

    `real`: it is opened on software that no one here wrote. `not_applicable` says of a row, by its
    id, why it cannot apply to this tool.
    """

    tool: type[Connector[Any]]
    not_applicable: Mapping[str, str] = field(default_factory=dict)
    also: Sequence[Reading] = ()
    real: bool = False
    opened: Callable[[], Account] | None = None
    # A token of the account, where connections keep one from run to run.
    signed_in: Callable[[Account], Token] | None = None
    history: History | None = None
    error_body: Json | list[Json] = field(default_factory=dict)
    # The most requests that the tool takes within so many seconds.
    allows: Callable[[float], float] | None = None
    # Which of them that limit counts, where it is not all.
    counts: Callable[[Json], bool] = lambda _entry: True
    limits: Sequence[Limit] = ()
    consent: Consent | None = None
    tasks: Tasks | None = None
    hooks: Hooks | None = None
    # What is wrong with a request by the tool's own documents, where there are such.
    faults: Callable[[httpx.Request], Sequence[str]] | None = None

    @property
    def kind(self) -> str:
        return self.tool.kind

    def streams(self, row_id: str) -> Iterator["Case"]:
        """This case as that of each stream of which the row says something."""
        yield self
        for one in self.also:
            if row_id not in one.left_out:
                theirs = {each.name: getattr(one, each.name) for each in fields(Reading)}
                yield replace(self, **theirs, also=())
