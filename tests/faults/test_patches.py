"""The planted faults still fit the code: `make faults` plays them."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.faults.test_planted_faults import HEADER, PATCHES


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_planted_fault_applies_and_names_a_test_that_is_there(patch: Path) -> None:
    done = subprocess.run(
        ["git", "apply", "--check", str(patch)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    file, _, name = patch.read_text().splitlines()[0].removeprefix(HEADER).partition("::")
    assert f"def {name.split('[')[0]}(" in (ROOT / file).read_text()
