"""One bad record is set aside with its reason; the others go through (G12)."""

import json
from collections.abc import Collection, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

from connectors.bitrix24.connector import Bitrix24
from connectors.models import CampaignStats, Stream
from sync.hints import read_again
from sync.store import runs
from sync.store.database import Database
from sync.store.intake import take_in
from sync.store.mirror import Feed
from sync.tables.runs import Mode, Run, RunStatus, SetAside, Trigger
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.portal import NOW, Mirrored, new_database, store_connection

DEALS = 120


class OddRows(httpx.BaseTransport):
    """Answers as the portal does, but for one field of some deals."""

    def __init__(self, ids: Collection[str], field: str, value: Any) -> None:
        self._inner = httpx.HTTPTransport()
        self._ids, self._field, self._value = set(map(int, ids)), field, value

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(self._inner.handle_request(request).read())
        for page in body["result"]["result"].values():
            for item in page["items"] if isinstance(page, dict) else ():
                if item["id"] in self._ids and self._field in item:
                    item[self._field] = self._value
        return httpx.Response(200, json=body)

    def close(self) -> None:
        self._inner.close()


@pytest.fixture(scope="module")
def portal() -> Iterator[Sandbox]:
    with sandbox(seed=7, records=DEALS) as running:
        yield running


def odd(mirrored: Mirrored, id_: str, field: str, value: Any) -> Bitrix24:
    return odd_ones(mirrored, [id_], field, value)


def odd_ones(mirrored: Mirrored, ids: Collection[str], field: str, value: Any) -> Bitrix24:
    connector = mirrored.connector(OddRows(ids, field, value))
    # The mapped fields are asked for by another call, so none is mapped here.
    connector.config.fields.clear()
    return connector


def pull(mirrored: Mirrored, connector: Bitrix24, mode: Mode = Mode.FULL) -> Run:
    run_id = mirrored.queue(Stream.DEALS, mode)
    mirrored.work(run_id, connector)
    return mirrored.run(run_id)


def aside(database: Database) -> list[SetAside]:
    with database.reading() as session:
        return list(session.exec(select(SetAside)).all())


def one_of(mirrored: Mirrored) -> str:
    return sorted(mirrored.truth(Stream.DEALS), key=int)[70]


@pytest.mark.promise("G12")
@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("createdTime", "hier", ""),
        ("opportunity", 33.333333, "amount: 33.333333 has more than four decimals"),
        ("opportunity", 1e16, "amount: 1E+16 is too large"),
    ],
)
@pytest.mark.promise("G11")
def test_a_bad_record_is_set_aside_and_the_others_go_through(
    mirrored: Mirrored, field: str, value: Any, reason: str
) -> None:
    bad = one_of(mirrored)
    truth = mirrored.truth(Stream.DEALS)
    run = pull(mirrored, odd(mirrored, bad, field, value))
    assert mirrored.rows(Stream.DEALS).keys() == truth.keys() - {bad}
    assert (run.status, run.complete) == (RunStatus.SUCCEEDED, True)
    assert (run.read, run.created, run.set_aside) == (DEALS, DEALS - 1, 1)
    assert run.certificate == {
        "remote_count": DEALS,
        "mirror_count": DEALS - 1,
        "ids_match": True,
        "set_aside": 1,
        "shortfall": 1,
        "hidden": 0,
        "held_back": 0,
        "kept": 0,
    }
    (kept,) = aside(mirrored.database)
    assert (kept.record_id, bool(kept.raw)) == (bad, True)
    assert kept.reason.startswith(reason)
    mirrored.pull(Stream.DEALS)
    assert mirrored.rows(Stream.DEALS).keys() == truth.keys()
    assert aside(mirrored.database) == []


@pytest.mark.promise("G12")
@pytest.mark.parametrize(("field", "value"), [("createdTime", "hier"), ("opportunity", 33.333333)])
def test_one_bad_record_in_a_hundred_is_set_aside_with_its_reason_and_its_answer(
    tmp_path: Path, field: str, value: Any
) -> None:
    """Spread over the pages of the portal and the requests that hold several of them."""
    with sandbox(seed=3, records=3000) as large:
        database = new_database(tmp_path / "retro.db")
        many = Mirrored(database, large, store_connection(database, large))
        truth = many.truth(Stream.DEALS)
        bad = set(sorted(truth, key=int)[::100])
        run = pull(many, odd_ones(many, bad, field, value))
        assert (run.status, run.complete) == (RunStatus.SUCCEEDED, True)
        assert (run.read, run.set_aside) == (len(truth), len(bad))
        assert many.rows(Stream.DEALS).keys() == truth.keys() - bad
        kept = {one.record_id: one for one in aside(database)}
        assert kept.keys() == bad
        assert all(one.reason and id_ in one.raw for id_, one in kept.items())
        again = pull(many, many.connector())
        assert (again.created, again.set_aside, aside(database)) == (len(bad), 0, [])
        assert many.rows(Stream.DEALS).keys() == truth.keys()
        database.close()


@pytest.mark.promise("G12")
def test_an_older_copy_stays_when_its_record_can_no_longer_be_stored(mirrored: Mirrored) -> None:
    mirrored.pull(Stream.DEALS)
    bad = one_of(mirrored)
    before = mirrored.rows(Stream.DEALS)[bad]
    run = pull(mirrored, odd(mirrored, bad, "opportunity", 33.333333))
    assert (run.status, run.set_aside) == (RunStatus.SUCCEEDED, 1)
    assert mirrored.rows(Stream.DEALS)[bad].amount == before.amount
    assert run.certificate is not None
    shown = {name: run.certificate[name] for name in ("remote_count", "mirror_count", "shortfall")}
    assert shown == {"remote_count": DEALS, "mirror_count": DEALS, "shortfall": 0}
    assert [kept.record_id for kept in aside(mirrored.database)] == [bad]


@pytest.mark.promise("G12")
@pytest.mark.parametrize(("field", "value"), [("createdTime", "hier"), ("opportunity", 1e16)])
def test_a_bad_record_that_a_webhook_names_is_set_aside_until_it_can_be_read(
    mirrored: Mirrored, field: str, value: Any
) -> None:
    mirrored.pull(Stream.DEALS)
    bad, *others = sorted(mirrored.truth(Stream.DEALS), key=int)[:3]

    def hinted(connector: Bitrix24) -> Run:
        run_id = mirrored.queue(Stream.DEALS, Mode.INCREMENTAL)
        lease = mirrored.take(run_id)
        feed, now = mirrored.feed(Stream.DEALS), mirrored.clock.now
        read_again(mirrored.database, connector, feed, lease, [bad, *others], now)
        return mirrored.run(run_id)

    run = hinted(odd(mirrored, bad, field, value))
    assert (run.status, run.read, run.set_aside, run.deleted) == (RunStatus.SUCCEEDED, 3, 1, 0)
    assert [kept.record_id for kept in aside(mirrored.database)] == [bad]
    mirrored.clock.advance(timedelta(minutes=1))
    assert hinted(mirrored.connector()).set_aside == 0
    assert aside(mirrored.database) == []


@pytest.mark.promise("G12")
@pytest.mark.parametrize("large", [2**31, 2**63])
def test_a_count_that_its_column_cannot_hold_is_set_aside_alone(
    database: Database, connection_id: int, large: int
) -> None:
    feed, day = Feed(connection_id, Stream.CAMPAIGN_STATS), date(2026, 11, 1)
    records = [
        CampaignStats(id=str(shown), campaign="c", day=day, impressions=shown)
        for shown in (1, large, 3)
    ]
    with database.writing() as session:
        run = runs.queue_run(
            session, connection_id, feed.stream, mode=Mode.FULL, trigger=Trigger.MANUAL, at=NOW
        )
        assert run.id is not None
        taken = take_in(session, feed, records, (), run_id=run.id, at=NOW)
    fits = large < 2**63 and database.engine.dialect.name == "sqlite"
    assert (taken.set_aside, taken.created) == ((0, 3) if fits else (1, 2))
