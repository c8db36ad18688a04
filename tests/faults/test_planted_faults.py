"""Each planted fault turns the test red that its patch names, and nothing but the fault does."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.slow]

PATCHES = sorted((Path(__file__).parent / "patches").glob("*.patch"))
HEADER = "# turns red: "
# A patch whose test ends with an error of the product, not with an assertion, says which.
RAISES = "# raises: "
ASSERTIONS = ("assert ", "AssertionError", "Failed: DID NOT RAISE ")
ALL_PASSED, TESTS_FAILED = 0, 1


@dataclass(frozen=True)
class Went:
    """How tests went in the copy: `failed` and `others` are what was told of those that failed,
    and of those that were skipped or could not even be set up."""

    status: int
    failed: Sequence[str]
    others: Sequence[str]
    told: str


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tracked files as they are now."""
    copy = tmp_path_factory.mktemp("tree")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    return copy


def test_without_a_fault_each_of_these_tests_passes_in_the_copy(tree: Path) -> None:
    """Else a file that the copy lacks would count as a fault that was caught."""
    went = _run(tree, *sorted({named(patch) for patch in PATCHES}))
    assert (went.status, went.others) == (ALL_PASSED, []), went.told


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_planted_fault_is_caught(patch: Path, tree: Path) -> None:
    _apply(tree, patch)
    try:
        went = _run(tree, named(patch))
    finally:
        _apply(tree, patch, "--reverse")
    assert (went.status, went.others) == (TESTS_FAILED, []), went.told
    (told,) = went.failed
    assert told.startswith(caught_by(patch)), "the fault itself is at fault, or another one is"


def named(patch: Path) -> str:
    return patch.read_text().splitlines()[0].removeprefix(HEADER)


def caught_by(patch: Path) -> tuple[str, ...]:
    """How what is told of its test begins."""
    second = patch.read_text().splitlines()[1]
    return (second.removeprefix(RAISES),) if second.startswith(RAISES) else ASSERTIONS


def _run(tree: Path, *tests: str) -> Went:
    report = tree.with_name(f"{tree.name}.xml")
    report.unlink(missing_ok=True)
    # Runs beside each other would clean one folder, and the loser of that race ends with status 1.
    temporary = f"--basetemp={tree.with_name(f'{tree.name}.tmp')}"
    options = ["-x", "-p", "no:cacheprovider", f"--junitxml={report}", temporary]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=tree,
        env=_environ(tree),
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), f"no test was begun: {done.stderr[-2000:]}"
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 - our own pytest wrote it
    told = [each for case in cases for each in case]
    failed = [each.get("message", "") for each in told if each.tag == "failure"]
    others = [each.get("message", "") for each in told if each.tag in ("error", "skipped")]
    return Went(done.returncode, failed, others, f"{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _environ(tree: Path) -> dict[str, str]:
    """Starting is most of the time: no plugin is loaded, and modules are compiled once for all."""
    kept = {name: each for name, each in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(tree), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _apply(tree: Path, patch: Path, *options: str) -> None:
    done = subprocess.run(
        ["git", "apply", "--unsafe-paths", f"--directory={tree}", *options, str(patch)],
        cwd=tree,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{patch.name} no longer applies: {done.stderr}"
    for line in patch.read_text().splitlines():
        if line.startswith("+++ b/"):
            _forget_compiled(tree / line.removeprefix("+++ b/"))


def _forget_compiled(module: Path) -> None:
    """A patch of the same length within the same second would not be noticed."""
    for compiled in (module.parent / "__pycache__").glob(f"{module.stem}.*"):
        compiled.unlink()
