"""Moments: the tool's offsets are heeded, whatever they are."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from tests.connectors.conformance.bench import Bench
from tests.connectors.conformance.rows import READING, row
from tests.connectors.conformance.tampering import in_zone

KOLKATA = timezone(timedelta(hours=5, minutes=30))
PACIFIC = timezone(timedelta(hours=-8))
BERLIN = ZoneInfo("Europe/Berlin")
# At 01:00 UTC the clocks there go back from 03:00 to 02:00.
CLOCKS_GO_BACK = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)


@row("zone-ahead", READING, "Moments told with +05:30 are the same moments.")
def test_moments_of_a_zone_ahead(bench: Bench) -> None:
    read_in(bench, KOLKATA)


@row("zone-behind", READING, "Moments told with −08:00 are the same moments.")
def test_moments_of_a_zone_behind(bench: Bench) -> None:
    read_in(bench, PACIFIC)


def read_in(bench: Bench, zone: tzinfo) -> None:
    """In whole, and by what changed."""
    bench.tamper(in_zone(zone))
    ids = bench.fill(3)
    bench.settle()
    bench.read_all()
    assert bench.agrees()
    past_the_overlap(bench)
    bench.rename(ids[1], "Changed")
    bench.new("Late")
    bench.settle()
    run = bench.read_changes()
    # More would have been read by a bound in the wrong zone, or less.
    assert run.read == 2
    assert bench.agrees()


def past_the_overlap(bench: Bench) -> None:
    """What was made so far is not read again by what follows."""
    bench.go_on(hours=1)
    bench.read_changes()
    bench.go_on(minutes=15)


@row("dst-night", READING, "The hour that a night of winter time has twice is read in order.")
def test_the_night_when_the_clocks_go_back(bench: Bench) -> None:
    bench.at(CLOCKS_GO_BACK - timedelta(hours=6))
    bench.tamper(in_zone(BERLIN))
    bench.new("Evening")
    bench.settle()
    bench.read_all()
    past_the_overlap(bench)
    for minutes in (-30, 30):
        bench.at(CLOCKS_GO_BACK + timedelta(minutes=minutes))
        bench.new(f"Half past two, {minutes}")
        bench.settle()
        # The one before is out of the overlap; by its clock it would be within.
        assert bench.read_changes().read == 1
        assert bench.agrees()
        bench.go_on(minutes=15)
        bench.read_changes()
