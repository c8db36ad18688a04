"""docs/guarantees.md: the promises of the sync, the tests that name them, the faults that were
planted against them, and how they last went; `python -m tests.guarantees` writes it anew."""

import ast
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from tests.conftest import RESULTS, ROOT

PAGE = ROOT / "docs" / "guarantees.md"
PATCHES = ROOT / "tests" / "faults" / "patches"
RED = "# turns red: "
PROMISES: Mapping[str, str] = {
    "G1": "A page and its cursor become true together: a crash loses nothing and repeats nothing.",
    "G2": "A record that did not change is not written and rings no rule.",
    "G3": "Reading by change leaves no hole: inclusive bounds, an overlap, the tool's clock.",
    "G4": "Deletes follow from proof, never from a partial listing; many at once wait.",
    "G5": "No task is made twice and none is lost, wherever a worker dies.",
    "G6": "Edits of both sides survive; what cannot be settled is shown side by side.",
    "G7": "Our own write that comes back changes nothing; a field that flips is held.",
    "G8": "One request budget per account, shared by all workers; pauses are obeyed.",
    "G9": "One run at a time per stream; a worker that lost its lease cannot write.",
    "G10": "Redis may be emptied, workers killed: at most 60 seconds are lost, never data.",
    "G11": "A full pull ends with a certificate; succeeded means complete.",
    "G12": "One bad record is set aside with its reason; the rest goes through.",
    "G13": "A dry run shows exactly what will be sent; many writes at once ask first.",
    "G14": "A token is renewed once; no secret is in a job, a log, an error or a page.",
    "G15": "A cursor that stands still is a failure; a schedule that did not run is an alarm.",
    "G16": "An error says who can repair it, the one step to take, and what waits for it.",
}
HEAD = """# What the sync promises

Each promise has tests that carry its number, and faults planted against it that turn a test red
(`tests/faults/patches`). This page is written by `python -m tests.guarantees` after a test run.
"""


@cache
def tests_by_promise() -> dict[str, list[str]]:
    """Promise → tests as pytest names them, without parameters, in order."""
    found: dict[str, list[str]] = {promise: [] for promise in PROMISES}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for promise, name in _marked(tree):
            found.setdefault(promise, []).append(f"{path.relative_to(ROOT).as_posix()}::{name}")
    return found


def patches_by_promise(tests: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Promise → names of the patches that turn one of its tests red."""
    found: dict[str, list[str]] = {promise: [] for promise in tests}
    for patch in sorted(PATCHES.glob("*.patch")):
        red = patch.read_text(encoding="utf-8").splitlines()[0].removeprefix(RED).split("[")[0]
        for promise, named in tests.items():
            if red in named:
                found[promise].append(patch.stem)
    return found


def page(results: Mapping[str, str]) -> str:
    """`results`: test → passed, failed or skipped, of its last run."""
    tests = tests_by_promise()
    patches = patches_by_promise(tests)
    parts = [HEAD]
    for promise, says in PROMISES.items():
        planted = ", ".join(f"`{each}`" for each in patches[promise]) or "none yet"
        parts.append(f"## {promise}\n\n{says} Planted: {planted}.\n")
        parts.append("\n".join(_line(test, results) for test in tests[promise]) + "\n")
    return "\n".join(parts)


def without_results(text: str) -> str:
    return "\n".join(
        line.rsplit(": ", 1)[0] if line.startswith("- ") else line for line in text.splitlines()
    )


def _line(test: str, results: Mapping[str, str]) -> str:
    file, name = test.split("::", 1)
    words = name.removeprefix("test_").replace("_", " ")
    return f"- {words} ([{Path(file).name}](../{file})): {results.get(test, 'not run')}"


def _marked(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.promise":
                    yield ast.literal_eval(mark.args[0]), node.name


def main() -> None:
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    PAGE.write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
