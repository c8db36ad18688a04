"""Each planted fault turns the test red that its patch names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.slow]

PATCHES = sorted((Path(__file__).parent / "patches").glob("*.patch"))
HEADER = "# turns red: "
TESTS_FAILED = 1


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


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_planted_fault_is_caught(patch: Path, tree: Path) -> None:
    node = patch.read_text().splitlines()[0].removeprefix(HEADER)
    _apply(tree, patch)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", node],
            cwd=tree,
            env=_environ(tree),
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        _apply(tree, patch, "--reverse")
    assert done.returncode == TESTS_FAILED, done.stdout[-2000:]


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
