"""The kit catches what it is for: each fault planted in the toy turns the row red that it names."""

from pathlib import Path

import pytest

from tests.connectors.conformance.bench import Bench
from tests.connectors.conformance.every_row import every_row
from tests.connectors.conformance.planting import PATCHES, fits, planted, row_of


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_planted_fault_applies_and_names_a_row(patch: Path) -> None:
    assert fits(patch) == ""
    assert row_of(patch) in every_row()


def test_a_fault_is_planted_for_every_row() -> None:
    assert every_row().keys() - {row_of(patch) for patch in PATCHES} == set()


@pytest.mark.faults
@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_planted_fault_turns_its_row_red(patch: Path, tmp_path: Path) -> None:
    case = planted(patch, tmp_path / "tree")
    attempt = every_row()[row_of(patch)].attempt
    with Bench(case, tmp_path) as bench:
        caught = None
        try:
            attempt(bench)
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - each way to be red counts
            caught = error
    assert caught is not None, f"{row_of(patch)} stays green"
    assert not isinstance(caught, NameError | ImportError), "the fault itself is at fault"
