"""Records that leave and come back."""

from tests.connectors.conformance.bench import Bench
from tests.connectors.conformance.case import Json
from tests.connectors.conformance.rows import READING, row


def begin(bench: Bench) -> list[str]:
    ids = bench.fill(5)
    bench.settle()
    bench.read_all()
    bench.go_on(hours=1)
    return ids


def change(bench: Bench, record_id: str, change: Json) -> None:
    bench.edit(record_id, change)
    bench.settle()
    bench.read_all()


@row(
    "delete", READING, "A record that was deleted in the tool leaves the mirror.", each_stream=True
)
def test_a_deleted_record(bench: Bench) -> None:
    ids = begin(bench)
    before = bench.held()
    change(bench, ids[2], {"delete": True})
    assert bench.held().keys() < before.keys()
    assert bench.agrees()


@row("archive", READING, "An archived record leaves the mirror, and no other one does.")
def test_an_archived_record(bench: Bench) -> None:
    archive = bench.case.archive
    assert archive is not None
    ids = begin(bench)
    change(bench, ids[2], archive)
    assert bench.held().keys() == set(ids) - {ids[2]}
    assert bench.agrees()


@row("merge", READING, "Of two merged records the one that stays is held as it is, the other not.")
def test_two_merged_records(bench: Bench) -> None:
    merge = bench.case.merge
    assert merge is not None
    ids = begin(bench)
    merge(bench.account, ids[0], ids[1])
    bench.settle()
    bench.read_changes()
    bench.read_all()
    assert ids[1] not in bench.held()
    assert bench.agrees()


@row(
    "restore",
    READING,
    "A record that comes back after it was gone is held again.",
    each_stream=True,
)
def test_a_restored_record(bench: Bench) -> None:
    there = bench.case.away_and_back
    assert there is not None
    ids = begin(bench)
    before = bench.held()
    change(bench, ids[2], there[0])
    assert bench.held().keys() < before.keys()
    change(bench, ids[2], there[1])
    assert bench.held().keys() == before.keys()
    assert bench.agrees()
