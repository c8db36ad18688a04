"""Plants a fault in the toy's connector: the source with a patch in it, as a module of its own."""

import os
import subprocess
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from tests.conftest import ROOT
from tests.connectors.conformance.case import Case
from tests.connectors.conformance.toy.case import CASE

PATCHES = sorted((Path(__file__).parent / "patches").glob("*.patch"))
HEADER = "# turns red: "
CONNECTOR = Path("tests/connectors/conformance/toy/connector.py")


def row_of(patch: Path) -> str:
    return patch.read_text(encoding="utf-8").splitlines()[0].removeprefix(HEADER)


def fits(patch: Path) -> str:
    """Why it does not, nothing when it does."""
    return _git("apply", "--check", str(patch), folder=ROOT)


def planted(patch: Path, folder: Path) -> Case:
    """The toy's case with the faulty connector; the patch is applied to a copy in `folder`."""
    copy = folder / CONNECTOR
    copy.parent.mkdir(parents=True)
    copy.write_bytes((ROOT / CONNECTOR).read_bytes())
    problem = _git("apply", str(patch), folder=folder)
    assert not problem, f"{patch.name} no longer applies: {problem}"
    spec = spec_from_file_location("faulty_toy", copy)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return replace(CASE, tool=module.Toy)


def _git(*words: str, folder: Path) -> str:
    # Outside of a repository it works on the folder it stands in.
    environ = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    done = subprocess.run(
        ["git", *words], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stderr or "git failed"
