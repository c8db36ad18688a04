"""What a pull could reach if the tool answered at once and nothing else had to be done: the same
bytes as they came, decoded into typed records, hashed and written in bulk."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import httpx

from connectors.bitrix24 import listings
from connectors.bitrix24.connector import Bitrix24
from connectors.bitrix24.keyset import PAGE
from connectors.bitrix24.wire import BatchBody, Envelope, decode
from connectors.models import Deal, Stream
from connectors.port import Window, read
from sync.store import connections, mirror, runs
from sync.store.database import Database
from sync.store.mirror import Feed
from sync.tables.connections import Connection
from sync.tables.runs import Mode, Trigger
from tests.connectors.hands import Hands
from workers.app import App
from workers.clock import machine_now


class Recorder(httpx.BaseTransport):
    """Keeps every answer as it came."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        self.kept.append(response.read())
        return response

    def close(self) -> None:
        self._inner.close()


def answers(app: App) -> Sequence[bytes]:
    """What the portal answers to a full read of its deals."""
    with app.database.reading() as session:
        row = connections.connection_named(session, "portal")
    config = Bitrix24.Config.model_validate({**row.settings, **app.vault.open(row.secrets)})
    recorder = Recorder()
    with closing(Bitrix24(config, Hands().wire(recorder))) as connector:
        shares = connector.partitions(Stream.DEALS, Window())
        recorder.kept.clear()
        for share in shares:
            for _page in read(connector, Stream.DEALS, Window(), share):
                pass
    return recorder.kept


def empty_mirror(home: Path) -> tuple[Database, Feed, int]:
    """A database of its own, and a run to write for."""
    target = Database(f"sqlite:///{home / 'ceiling.db'}")
    target.upgrade()
    with target.writing() as session:
        row = Connection(
            name="ceiling", kind="bitrix24", settings={}, secrets=b"", created_at=machine_now()
        )
        session.add(row)
        session.flush()
        assert row.id is not None
        run = runs.queue_run(
            session, row.id, "deals", mode=Mode.FULL, trigger=Trigger.MANUAL, at=machine_now()
        )
        assert run.id is not None
        return target, Feed(row.id, Stream.DEALS), run.id


def decode_and_save(kept: Sequence[bytes], target: Database, feed: Feed, run_id: int) -> int:
    """How many records it were."""
    count = 0
    for answer in kept:
        records = _records(answer)
        count += len(records)
        with target.writing() as session:
            mirror.save_records(session, feed, records, run_id=run_id, seen_at=machine_now())
    return count


def _records(answer: bytes) -> list[Deal]:
    """Those of a chain of pages: the first that is not full ends it."""
    listing = listings.deals({})
    body = decode(decode(answer, Envelope).result, BatchBody)
    assert isinstance(body.result, dict)
    found: list[Deal] = []
    for raw in body.result.values():
        page = listing.page(raw)
        found += [each for each in page.records if each is not None]
        if page.length < PAGE:
            break
    return found
