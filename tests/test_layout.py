"""The shape of the project: what no linter asks."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = ("connectors", "sync", "rules", "workers", "config", "web")
LONGEST = 350
# Standard output belongs to the command line, and to a program that is started by itself.
PRINTERS = ("workers/cli/", "workers/demo/portal.py")
# The architecture names it; imports are absolute, so nothing is hidden.
NAMED_LIKE_STANDARD = {"connectors/http.py"}
OURS = ("promise", "requirement", "quirk")
BUILT_IN = {"parametrize", "usefixtures", "filterwarnings", "skipif", "xfail", "skip"}
TEXT_FILES = (".py", ".md", ".toml", ".yaml", ".txt", ".html", ".css", ".mako")
TEXT_NAMES = ("Makefile", "run", ".gitignore")
# Taken apart, so that this file does not name what it looks for.
INDEX_HOSTS = ("py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "arti" + "factory")
MACHINE_PATHS = re.compile(r"(?<![\w.~])/(?:work|home|root|Users|mnt)/\w")


@cache
def sources(*folders: str) -> tuple[Path, ...]:
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return tuple(path for path in found if "__pycache__" not in path.parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def all_texts() -> Iterator[Path]:
    for path in sorted(ROOT.iterdir()):
        if path.is_dir() and path.name in (*PACKAGES, "tests", "docs", ".ci"):
            yield from (each for each in sorted(path.rglob("*")) if _is_text(each))
        elif path.is_file() and _is_text(path):
            yield path


def _is_text(path: Path) -> bool:
    kept = path.suffix in TEXT_FILES or path.name in TEXT_NAMES
    return path.is_file() and kept and "__pycache__" not in path.parts


def test_the_folders_are_those_of_the_architecture() -> None:
    held = {path.parent for path in ROOT.glob("*/*.py")}
    assert {path.name for path in held} == {*PACKAGES, "tests"}


def test_there_are_files_to_look_at() -> None:
    assert len(sources(*PACKAGES)) > 200


@pytest.mark.parametrize("folder", [*PACKAGES, "tests"])
def test_no_file_is_longer_than_one_job_needs(folder: str) -> None:
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in sources(folder)}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}


def test_every_module_says_what_it_is() -> None:
    silent = [
        name(path)
        for path in sources(*PACKAGES)
        if tree(path).body and ast.get_docstring(tree(path)) is None
    ]
    assert silent == []


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in sources(*PACKAGES)}
    assert [name(each) for each in sorted(folders) if not (each / "__init__.py").exists()] == []


def test_no_module_is_named_like_a_standard_one() -> None:
    assert sys.stdlib_module_names.isdisjoint(PACKAGES)
    taken = [
        name(path)
        for path in sources(*PACKAGES)
        if path.stem in sys.stdlib_module_names and name(path) not in NAMED_LIKE_STANDARD
    ]
    assert taken == []


def test_imports_are_absolute() -> None:
    relative = [
        name(path)
        for path in sources(*PACKAGES, "tests")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert relative == []


def test_no_file_names_an_index_host_or_a_path_of_a_machine() -> None:
    found = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in all_texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if MACHINE_PATHS.search(line) or any(host in line for host in INDEX_HOSTS)
    ]
    assert found == []


def test_the_import_contracts_hold() -> None:
    """As `make check` asks; here so that a test run alone says it too."""
    lint = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    done = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "0 broken" in done.stdout


def test_only_the_command_line_writes_to_standard_output() -> None:
    written = [
        f"{name(path)}:{node.lineno}"
        for path in sources(*PACKAGES)
        if not name(path).startswith(PRINTERS)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("print", "sys.stdout.write", "sys.stdout.buffer.write")
    ]
    assert written == []


def used_markers() -> dict[str, list[str]]:
    """Marker → the arguments it is used with, in all tests."""
    found: dict[str, list[str]] = {}
    for path in sources("tests"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pytest.mark":
                found.setdefault(node.attr, [])
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("pytest.mark."):
                given = [ast.literal_eval(each) for each in _constants(node)]
                found.setdefault(ast.unparse(node.func).split(".")[2], []).extend(given)
    return found


def _constants(call: ast.Call) -> list[ast.Constant]:
    return [each for each in call.args if isinstance(each, ast.Constant)]


def test_every_marker_is_declared_and_used(pytestconfig: pytest.Config) -> None:
    declared = {line.split("(")[0].split(":")[0] for line in pytestconfig.getini("markers")}
    used = used_markers()
    assert set(used) <= declared
    assert set(OURS) <= set(used)
    assert set(used) - set(OURS) <= {*BUILT_IN, "faults", "lab", "real", "slow", "soak"}


def test_markers_name_promises_requirements_and_quirks_that_exist() -> None:
    used = used_markers()
    promises = {f"G{number}" for number in range(1, 17)}
    requirements = {f"F{number:02}" for number in range(1, 72)}
    assert set(used["promise"]) <= promises
    assert set(used["requirement"]) <= requirements
    assert {int(each) for each in used["quirk"]} <= set(range(1, 40))
