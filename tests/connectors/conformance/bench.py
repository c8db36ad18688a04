"""Where a row is tried: an account of the tool, a transport that can tamper, and a mirror."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec
from sqlmodel import select

from connectors.capabilities import ReceivesHooks
from connectors.http import Wire
from connectors.models import RECORDS, Record, Stream
from connectors.port import Connector
from sync.hints import read_again
from sync.reconcile_tasks import Now, reconcile_tasks
from sync.rows import from_row
from sync.store import connections, cursors, hooks
from sync.tables.outbox import Outbox
from sync.tables.runs import Mode, Run, RunStatus
from sync.vault import Vault, new_key
from tests.connectors.conformance.case import Account, Case, Json
from tests.connectors.conformance.tampering import Tamper, Tampering
from tests.connectors.hands import Hands, Tokens
from tests.mirror import Clock, Mirror, new_database

MONEY = ("amount", "spend")
NO_EXTRA: Json = {}
GOOD = (RunStatus.SUCCEEDED, RunStatus.INCOMPLETE)


class Bench(Mirror, AbstractContextManager["Bench"]):
    def __init__(self, case: Case, folder: Path) -> None:
        assert case.opened is not None, f"{case.kind} has no account to try this on"
        self.case = case
        self.account: Account = case.opened()
        self.wires = Tampering(self.account.transport)
        self.hands = Hands()
        self.clock = Clock()
        self.made: list[Connector[Any]] = []
        self.settings: Mapping[str, Any] = self.account.settings
        self.database = new_database(folder / "retro.db")

    @cached_property
    def connection_id(self) -> int:  # type: ignore[override]
        with self.database.writing() as session:
            row = connections.save_connection(
                session,
                Vault([new_key()]),
                kind=self.case.kind,
                name="tool",
                config=self.connector().config,
                account="the kit's",
                sandbox=True,
                at=self.clock.now(),
            )
            assert row.id is not None
            return row.id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.made:
            each.close()
        self.database.close()
        self.account.end()

    # The tool.

    @property
    def stream(self) -> Stream:
        return self.case.stream

    def connector(self, wire: Wire | None = None, **settings: Any) -> Connector[Any]:
        config = self.case.tool.Config.model_validate({**self.settings, **settings})
        self.made.append(self.case.tool(config, wire or self._wire()))
        return self.made[-1]

    def _wire(self) -> Wire:
        return self.hands.wire(self.wires, tokens=self.tokens())

    def tokens(self) -> Tokens | None:
        signed_in = self.case.signed_in
        return None if signed_in is None else Tokens(signed_in(self.account))

    def tamper(self, tamper: Tamper | None) -> None:
        self.wires.tamper = tamper

    def new(self, title: str = "Deal") -> str:
        made = self.edit("new", {**self.case.beside, "set": self.case.new(title)})
        for change in self.case.then:
            self.edit(made, change)
        return made

    def fill(self, count: int, title: str = "Deal") -> list[str]:
        return [self.new(f"{title} {number}") for number in range(count)]

    def rename(self, record_id: str, title: str) -> None:
        assert self.case.shape is not None
        self.edit(record_id, {"set": {self.case.shape.title: title}})

    def edit(self, record_id: str, change: Json) -> str:
        return self.account.edit(self.case.made_as or self.stream, record_id, change)

    def go_on(self, **by: float) -> None:
        """Time passes for both."""
        self.at(self.clock.moment + timedelta(**by))

    def at(self, moment: datetime) -> None:
        self.clock.moment = moment
        self.account.set_clock(moment)

    def settle(self) -> None:
        """Until the tool lists what was changed."""
        self.go_on(seconds=self.case.tool.lag.total_seconds() + 1)

    def has_rows(self, response: httpx.Response) -> bool:
        assert self.case.shape is not None
        try:
            return any(self.case.shape.found(response.json()))
        except ValueError:
            return False

    def asked_as_described(self) -> None:
        """By the tool's own documents."""
        if self.case.faults is not None:
            told = {fault for request in self.wires.sent for fault in self.case.faults(request)}
            assert not told, f"not as described: {sorted(told)[:3]}"

    # The mirror.

    def read_all(self) -> Run:
        """A full pull that must go well."""
        run = self.pull(self.stream)
        assert run.status is RunStatus.SUCCEEDED, (run.status, run.error, run.certificate)
        return run

    def read_changes(self) -> Run:
        run = self.pull(self.stream, Mode.INCREMENTAL)
        assert run.status is RunStatus.SUCCEEDED, (run.status, run.error)
        assert run.mode is Mode.INCREMENTAL
        return run

    def held(self, stream: Stream | None = None) -> dict[str, Json]:
        """What the mirror holds as alive."""
        of = stream or self.stream
        return {
            id_: told(of, _plain(from_row(RECORDS[of], row)))
            for id_, row in self.rows(of).items()
            if row.deleted_at is None
        }

    def truth(self, stream: Stream | None = None) -> dict[str, Json]:
        of = stream or self.stream
        found = self.account.truth(of, self.case.query)
        return {one["id"]: told(of, one) for one in found if not one.get("deleted_at")}

    def agrees(self, extra: Json | None = NO_EXTRA) -> bool:
        """All that the truth tells of a record is held so, what it has not as well; and the mapped
        fields of each are these, None where they are not looked at."""
        held, truth = self.held(), self.truth()
        lost, more = truth.keys() - held.keys(), held.keys() - truth.keys()
        assert not lost, f"{len(lost)} records are not in the mirror: {sorted(lost)[:5]}"
        assert not more, f"{len(more)} records are in the mirror alone: {sorted(more)[:5]}"
        for id_, record in truth.items():
            own = {name: value for name, value in record.items() if name != "extra"}
            wanted = own if extra is None else {**own, "extra": extra}
            assert {name: held[id_].get(name) for name in wanted} == wanted, id_
        return True

    def writes(self) -> int:
        """How many were ever intended."""
        with self.database.reading() as session:
            return len(session.exec(select(Outbox)).all())

    def set_aside(self, stream: Stream) -> list[str]:
        """The ids under which records wait for a person."""
        with self.database.reading() as session:
            return [one.record_id for one in cursors.all_set_aside(session) if one.stream == stream]

    def ask_for(self, stream: Stream, record_id: str) -> None:
        """As somebody who accepts a record that was set aside."""
        lease = self.take(self.queue(stream, Mode.INCREMENTAL))
        feed, now = self.feed(stream), self.clock.now
        read_again(self.database, self.connector(), feed, lease, [record_id], now)

    def reconcile(self) -> None:
        meaning = self.connector().config.task_statuses
        at = self.clock.now()
        with self.database.writing() as session:
            reconcile_tasks(session, self.connection_id, meaning, Now(at, at))

    # What the service does with a webhook.

    def receive(self, headers: Mapping[str, str], body: bytes) -> int:
        """Store what it reports and read it again; how many events there were to apply."""
        connector = self.connector()
        assert isinstance(connector, ReceivesHooks)
        hints = connector.verify_hook(headers, body)
        with self.database.writing() as session:
            stored = [
                hooks.store_hint(session, self.connection_id, hint, self.clock.now())
                for hint in hints
            ]
        new = [event_id for event_id in stored if event_id is not None]
        for event_id in new:
            self._apply(connector, event_id)
        return len(new)

    def _apply(self, connector: Connector[Any], event_id: int) -> None:
        with self.database.reading() as session:
            event = hooks.hint_with(session, event_id)
        run_id = self.queue(event.stream, Mode.INCREMENTAL)
        feed = self.feed(Stream(event.stream))
        lease = self.take(run_id)
        read_again(self.database, connector, feed, lease, event.record_ids, self.clock.now)
        with self.database.writing() as session:
            hooks.note_applied(session, event_id, event.deliveries, self.clock.now())
        if feed.stream is Stream.TASKS:
            self.reconcile()


def _plain(record: Record) -> Json:
    values: Json = msgspec.to_builtins(record)
    return values


def told(stream: Stream, record: Mapping[str, Any]) -> Json:
    """What a record of ours has, with moments and money as values and not as texts."""
    ours = RECORDS[stream].__struct_fields__
    return {name: _valued(name, record[name]) for name in ours if name in record}


def _valued(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "at" or name.endswith("_at"):
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    return Decimal(str(value)) if name in MONEY else value
