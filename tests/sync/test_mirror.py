"""The mirror: what is written for new, changed and unchanged records."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import select, update

from connectors.models import Deal, Record, StageKind, Utm
from sync.rows import content_hash, from_row
from sync.store import mirror
from sync.store.database import Database
from sync.store.mirror import Feed, Saved
from sync.store.runs import queue_run
from sync.tables.mirror import Change
from sync.tables.runs import Mode, Trigger
from tests.sync.conftest import NOW

DEAL = Deal(
    id="1201",
    title="Formation commerciale",
    pipeline="0",
    stage="NEW",
    stage_kind=StageKind.OPEN,
    amount=Decimal("15000.50"),
    currency="EUR",
    source="WEB",
    utm=Utm(source="google", medium="cpc", campaign="C-2026-09-acquisition"),
    owner="7",
    contacts=["88"],
    lead="310",
    created_at=NOW,
    updated_at=NOW,
    extra={"secteur": "industrie"},
)


def save(database: Database, feed: Feed, *records: Record) -> Saved:
    with database.writing() as session:
        run = queue_run(
            session,
            feed.connection_id,
            feed.stream,
            mode=Mode.FULL,
            trigger=Trigger.MANUAL,
            at=NOW,
        )
        assert run.id is not None
        return mirror.save_records(session, feed, records, run_id=run.id, seen_at=NOW)


def held(database: Database, feed: Feed, id_: str = "1201") -> Deal:
    with database.reading() as session:
        (row,) = mirror.rows_by_id(session, feed, [id_])
        return from_row(Deal, row)


def test_every_field_of_a_record_comes_back_as_it_went_in(database: Database, deals: Feed) -> None:
    assert save(database, deals, DEAL) == Saved(created=1)
    assert held(database, deals) == DEAL


@pytest.mark.promise("G2")
def test_an_unchanged_record_writes_nothing(database: Database, deals: Feed) -> None:
    save(database, deals, DEAL)
    assert save(database, deals, DEAL) == Saved(unchanged=1)
    with database.reading() as session:
        assert session.execute(select(Change)).all() == []


@pytest.mark.promise("G2")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "Autre titre"),
        ("pipeline", "9"),
        ("stage", "WON"),
        ("stage_kind", StageKind.WON),
        ("amount", Decimal("15000.51")),
        ("currency", "USD"),
        ("source", None),
        ("utm", Utm(source="google", medium="cpc", campaign="C-2")),
        ("owner", "8"),
        ("contacts", ["88", "89"]),
        ("lead", None),
        ("created_at", NOW + timedelta(seconds=1)),
        ("closed_at", NOW),
        ("extra", {"secteur": "services"}),
    ],
)
def test_each_field_is_part_of_the_hash(field: str, value: object) -> None:
    changed = msgspec.structs.replace(DEAL, **{field: value})
    assert content_hash(changed) != content_hash(DEAL)


def test_the_fields_above_are_all_there_are() -> None:
    listed = {"id", *(name for name in Deal.__struct_fields__ if name != "id")}
    marks = test_each_field_is_part_of_the_hash.pytestmark  # type: ignore[attr-defined]
    tried = {case[0] for mark in marks if mark.name == "parametrize" for case in mark.args[1]}
    assert tried == listed - {"id", "updated_at"}


@pytest.mark.promise("G2")
def test_a_moment_that_moves_alone_is_kept_and_is_no_change(
    database: Database, deals: Feed
) -> None:
    """A portal moves it on for fields that nobody mapped, a folder when a file is touched."""
    save(database, deals, DEAL)
    later = NOW + timedelta(hours=1)
    bumped = msgspec.structs.replace(DEAL, updated_at=later)
    assert save(database, deals, bumped) == Saved(unchanged=1)
    assert held(database, deals) == bumped
    with database.reading() as session:
        assert session.execute(select(Change)).all() == []


@pytest.mark.promise("G2")
def test_a_hash_of_another_version_is_no_change(database: Database, deals: Feed) -> None:
    save(database, deals, DEAL)
    with database.writing() as session:
        session.execute(update(deals.table).values(hash=b"of another version"))
    assert save(database, deals, DEAL) == Saved(unchanged=1)
    with database.reading() as session:
        assert mirror.hashes(session, deals.stream) == {
            (deals.connection_id, DEAL.id): content_hash(DEAL)
        }


def test_what_was_deleted_already_or_never_held_is_not_counted_as_deleted(
    database: Database, deals: Feed
) -> None:
    save(database, deals, DEAL)
    with database.writing() as session:
        assert mirror.mark_deleted(session, deals, [DEAL.id, "99"], NOW) == 1
        assert mirror.mark_deleted(session, deals, [DEAL.id], NOW + timedelta(hours=1)) == 0
        (row,) = mirror.rows_by_id(session, deals, [DEAL.id])
        assert row.deleted_at == NOW


def test_a_change_keeps_old_and_new_value_by_field(database: Database, deals: Feed) -> None:
    save(database, deals, DEAL)
    later = NOW + timedelta(hours=1)
    moved = msgspec.structs.replace(
        DEAL, stage="WON", stage_kind=StageKind.WON, closed_at=later, updated_at=later
    )
    assert save(database, deals, moved) == Saved(updated=1)
    assert held(database, deals) == moved
    with database.reading() as session:
        rows = session.execute(
            select(Change.field, Change.old, Change.new, Change.changed_at)
        ).all()
    assert sorted(rows, key=str) == sorted(
        [
            ("stage", '"NEW"', '"WON"', later),
            ("stage_kind", '"open"', '"won"', later),
            ("closed_at", None, '"2026-11-23T10:00:00Z"', later),
        ],
        key=str,
    )


def test_a_record_that_was_deleted_and_comes_again_lives_again(
    database: Database, deals: Feed
) -> None:
    save(database, deals, DEAL)
    with database.writing() as session:
        mirror.mark_deleted(session, deals, [DEAL.id], NOW)
        assert mirror.count_records(session, deals) == 0
    assert save(database, deals, DEAL) == Saved(updated=1)
    with database.reading() as session:
        assert mirror.count_records(session, deals) == 1


def test_moments_in_any_zone_are_one_moment(database: Database, deals: Feed) -> None:
    paris = timezone(timedelta(hours=2))
    given = msgspec.structs.replace(
        DEAL, created_at=datetime(2026, 10, 25, 2, 30, tzinfo=paris), closed_at=None
    )
    save(database, deals, given)
    assert held(database, deals).created_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
