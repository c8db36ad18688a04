"""Many deletes at once wait for a person, who accepts them or keeps what is here (G4, G11)."""

from collections.abc import Iterator

import pytest
from sqlmodel import Session

from connectors.models import Deal, Stream
from sync.rows import from_row
from sync.store import deletes, mirror
from sync.store.database import Database
from sync.store.deletes import HeldSet
from sync.store.intake import take_in
from sync.store.mirror import Feed
from sync.tables.runs import Mode, Run, RunStatus
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.portal import Mirrored
from tests.sync.conftest import NOW
from tests.sync.test_many_workers import deal, queue
from tests.sync.test_merges_at_once import followed_by

GONE = 20


@pytest.fixture
def portal(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with sandbox(seed=11, records=getattr(request, "param", 90)) as running:
        yield running


def delete_many(mirrored: Mirrored, many: int = GONE) -> tuple[list[str], Run]:
    """After a first pull: what is gone from the portal, and the full pull that met it."""
    mirrored.pull(Stream.DEALS)
    gone = sorted(mirrored.truth(Stream.DEALS))[:many]
    for id_ in gone:
        mirrored.portal.edit("deals", id_, {"delete": True})
    return gone, mirrored.pull(Stream.DEALS)


def waiting(mirrored: Mirrored) -> list[HeldSet]:
    with mirrored.database.reading() as session:
        return list(deletes.held_sets(session))


@pytest.mark.promise("G4")
@pytest.mark.promise("G11")
def test_the_certificate_says_what_the_tool_has_and_what_is_held_back(mirrored: Mirrored) -> None:
    gone, run = delete_many(mirrored)
    assert (run.status, run.complete, run.certificate) == (
        RunStatus.INCOMPLETE,
        False,
        {"remote_count": 70, "mirror_count": 90, "ids_match": False, "held_back": GONE}
        | {"set_aside": 0, "shortfall": 0, "hidden": 0, "kept": 0},
    )
    (held,) = waiting(mirrored)
    assert (held.id, held.stream, list(held.records)) == (run.id, "deals", gone)


@pytest.mark.promise("G4")
@pytest.mark.parametrize(
    ("portal", "many", "waits"),
    [(90, 19, False), (90, 20, True), (400, 20, False), (400, 21, True)],
    indirect=["portal"],
    ids=["fewer than twenty", "twenty", "a twentieth", "more than a twentieth"],
)
def test_more_than_a_twentieth_wait_and_fewer_than_twenty_never(
    mirrored: Mirrored, many: int, waits: bool
) -> None:
    _, run = delete_many(mirrored, many)
    assert (run.deleted, bool(waiting(mirrored))) == (0 if waits else many, waits)


@pytest.mark.promise("G4")
def test_deletes_that_are_accepted_are_done_and_the_next_pull_is_whole(mirrored: Mirrored) -> None:
    _, run = delete_many(mirrored)
    assert run.id is not None
    with mirrored.database.writing() as session:
        assert deletes.accept(session, run.id, mirrored.clock.now()) == GONE
        assert deletes.accept(session, run.id, mirrored.clock.now()) is None
    assert set(mirrored.records(Stream.DEALS)) == set(mirrored.truth(Stream.DEALS))
    again = mirrored.pull(Stream.DEALS)
    assert (again.complete, again.deleted, waiting(mirrored)) == (True, 0, [])


@pytest.mark.promise("G4")
def test_what_a_person_keeps_is_not_asked_about_again(mirrored: Mirrored) -> None:
    gone, run = delete_many(mirrored)
    assert run.id is not None
    with mirrored.database.writing() as session:
        assert deletes.keep(session, run.id) == GONE
    again = mirrored.pull(Stream.DEALS)
    assert again.certificate is not None
    assert (again.status, again.complete, again.deleted) == (RunStatus.SUCCEEDED, True, 0)
    assert (again.certificate["kept"], again.certificate["held_back"]) == (GONE, 0)
    assert set(gone) < set(mirrored.records(Stream.DEALS))
    other = next(iter(mirrored.truth(Stream.DEALS)))
    mirrored.portal.edit("deals", other, {"delete": True})
    one_more = mirrored.pull(Stream.DEALS)
    assert (one_more.complete, one_more.deleted, waiting(mirrored)) == (True, 1, [])


@pytest.mark.promise("G4")
def test_a_record_that_shows_again_is_no_longer_asked_about(mirrored: Mirrored) -> None:
    """It was restored from the recycle bin, say; to accept the set must not delete it."""
    gone, first = delete_many(mirrored)
    again = mirrored.pull(Stream.DEALS)
    assert [held.id for held in waiting(mirrored)] == [again.id] != [first.id]
    assert again.id is not None
    back = from_row(Deal, mirrored.rows(Stream.DEALS)[gone[0]])
    with mirrored.database.writing() as session:
        feed, at = mirrored.feed(Stream.DEALS), mirrored.clock.now()
        take_in(session, feed, [back], (), run_id=again.id, at=at)
        assert deletes.accept(session, again.id, at) == GONE - 1
    assert gone[0] in mirrored.records(Stream.DEALS)


@pytest.mark.promise("G4")
def test_a_record_that_shows_again_while_the_set_is_accepted_stays(
    database: Database, deals: Feed
) -> None:
    run_id = queue(database, deals.connection_id, "deals", Mode.FULL)
    with database.writing() as session:
        take_in(session, deals, [deal("1"), deal("2")], (), run_id=run_id, at=NOW)
        deletes.hold_back(session, deals, ["1", "2"], run_id=run_id, at=NOW)

    def accept(session: Session) -> None:
        deletes.accept(session, run_id, NOW)

    with followed_by(database, accept) as session:
        again = deal("1", title="De retour")
        take_in(session, deals, [again], (), run_id=run_id, at=NOW)
    with database.reading() as session:
        rows = mirror.iterate_rows(session, Stream.DEALS)
        assert [(row.id, row.deleted_at is None) for row in rows] == [("1", True), ("2", False)]
