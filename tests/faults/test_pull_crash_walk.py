"""Pulls that are killed at every commit and call: see `walk`."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.models import Stream
from sync.store.database import Database
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.faults.pull_case import (
    TWO_PAGES,
    assert_each_change_is_found_once,
    assert_first_pull_is_whole,
    change_deals,
)
from tests.faults.walk import walk
from tests.portal import Mirrored, new_database, store_connection

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.fixture(scope="module")
def portal() -> Iterator[Sandbox]:
    """For pulls, which do not change it."""
    with sandbox(seed=7, records=TWO_PAGES) as running:
        yield running


@pytest.mark.promise("G1")
def test_a_first_pull_in_two_shares_is_whole_wherever_it_is_killed(
    portal: Sandbox, tmp_path: Path
) -> None:
    truth: dict[str, Any] = {}

    def prepare() -> tuple[Mirrored, int]:
        database = new_database(tmp_path / "retro.db")
        mirrored = Mirrored(database, portal, store_connection(database, portal))
        truth.update(truth or mirrored.truth(Stream.STAGE_CHANGES))
        return mirrored, mirrored.queue(Stream.STAGE_CHANGES)

    def check(mirrored: Mirrored, run_id: int) -> None:
        assert_first_pull_is_whole(mirrored, run_id, truth)

    points = walk(prepare, check)
    print(f"first pull: {points} points")  # noqa: T201
    assert points >= 20


@pytest.mark.promise("G1")
@pytest.mark.promise("G4")
def test_a_second_pull_finds_each_change_once_wherever_it_is_killed(tmp_path: Path) -> None:
    with sandbox(seed=8, records=TWO_PAGES) as portal:
        base = new_database(tmp_path / "base.db")
        first = Mirrored(base, portal, store_connection(base, portal))
        first.pull(Stream.DEALS)
        base.close()
        changed = change_deals(first)

        def prepare() -> tuple[Mirrored, int]:
            shutil.copy(tmp_path / "base.db", tmp_path / "retro.db")
            database = Database(f"sqlite:///{tmp_path / 'retro.db'}")
            mirrored = Mirrored(database, portal, first.connection_id)
            return mirrored, mirrored.queue(Stream.DEALS)

        def check(mirrored: Mirrored, run_id: int) -> None:
            assert_each_change_is_found_once(mirrored, run_id, changed)

        points = walk(prepare, check)
    print(f"second pull: {points} points")  # noqa: T201
    assert points >= 15
