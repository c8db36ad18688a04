"""The demo against the story: what it reports is what the story expects."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

STEPS = ("S01", "S02", "S03", "S10", "S11", "S12", "S12b", "S13", "S14", "S15")
# Sentences and descriptions of the story; the figures in them are compared on their own.
IN_WORDS = {
    ("S03", "warning"),
    ("S10", "visible_to"),
    ("S10", "push_is_idempotent_key"),
    ("S10", "task_payload_example"),
    ("S15", "message"),
}
UNORDERED = {("S10", "child_tasks"), ("S11", "reminders")}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run_demo(tmp_path_factory.mktemp("demo"))


def run_demo(home: Path, *arguments: str) -> dict[str, Any]:
    environ = {**os.environ, "RETRO_HOME": str(home), "RETRO_LANG": "fr"}
    done = subprocess.run(
        [sys.executable, "-m", "workers", "demo", *arguments],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report: dict[str, Any] = json.loads((home / "demo" / "report.json").read_text())
    return report


def test_every_figure_of_the_story_comes_out(report: dict[str, Any], shared: Path) -> None:
    story = json.loads((shared / "cases" / "story.json").read_text())
    expected = {step["id"]: step["expect"] for step in story["steps"] if step["id"] in STEPS}
    tolerances = story["meta"]["tolerances"]
    differences = [
        difference
        for step in STEPS
        for difference in differing(expected[step], report[step], (step,), tolerances)
    ]
    assert differences == []


def differing(
    expected: Any, found: Any, path: tuple[str, ...], tolerances: dict[str, float]
) -> Iterator[str]:
    """Each expected figure that the report does not have, or has otherwise."""
    where = ".".join(path)
    if path[:2] in IN_WORDS:
        return
    if isinstance(expected, dict):
        for name, value in expected.items():
            given = found.get(name, "nothing") if isinstance(found, dict) else "nothing"
            yield from differing(value, given, (*path, name), tolerances)
    elif isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            yield f"{where}: {found} instead of {expected}"
            return
        if path[:2] in UNORDERED:
            expected, found = _sorted(expected), _sorted(found)
        pairs = zip(expected, found, strict=True)
        for index, (value, given) in enumerate(pairs):
            yield from differing(value, given, (*path, str(index)), tolerances)
    elif isinstance(expected, float) and isinstance(found, int | float):
        if not math.isclose(expected, found, **tolerance(path, tolerances)):
            yield f"{where}: {found} instead of {expected}"
    elif expected != found:
        yield f"{where}: {found!r} instead of {expected!r}"


def _sorted(values: list[Any]) -> list[Any]:
    return (
        sorted(values, key=str)
        if values and isinstance(values[0], str)
        else sorted(values, key=lambda value: str(value.get("role")))
    )


def tolerance(path: tuple[str, ...], tolerances: dict[str, float]) -> dict[str, float]:
    name = " ".join(path)
    if "eur" in name:
        return {"rel_tol": 0, "abs_tol": tolerances["money_eur"] / 2}
    if "points" in name:
        return {"rel_tol": 0, "abs_tol": tolerances["points"]}
    if "p_" in path[-1] and "target" not in path[-1]:
        return {"rel_tol": tolerances["p_values_relative"], "abs_tol": 0}
    return {"rel_tol": 0, "abs_tol": max(tolerances["rates"], 1e-3 if path[-1] == "did_z" else 0)}


def test_the_warning_quotes_the_counts_of_the_sales(report: dict[str, Any]) -> None:
    warning = report["S03"]["warning"]
    assert "12 leads sur 500" in warning
    assert "garde-fou" in warning


def test_the_tasks_say_why_and_how_success_is_measured(report: dict[str, Any]) -> None:
    """F49, read back from the portal."""
    payload = next(
        each for each in report["S10"]["task_payloads"] if each["key"] == "D-email-ctr:designer"
    )
    assert payload["title"] == (
        "[Retro R-2026-11-23] E-mails transactionnels : nouveau gabarit du bouton"
    )
    assert payload["due_at"] == "2026-12-14T17:00:00Z"
    for part in (
        "taux de clic des e-mails transactionnels trop faible",
        "2,50 % -> 2,87 %",
        "http",
    ):
        assert part in payload["description"]


def test_the_recheck_is_told_in_the_words_of_the_story(report: dict[str, Any]) -> None:
    message = report["S15"]["message"]
    for part in ("+16,0 %", "+7,6 %", "+25,0 %", "59 %", "51 %"):
        assert part in message


def test_pulls_were_scheduled_and_done_by_other_processes(
    report: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.getbasetemp() / "demo0"
    environ = {**os.environ, "RETRO_HOME": str(home / "demo")}
    done = subprocess.run(
        [sys.executable, "-m", "workers", "runs", "--json"],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    runs = json.loads(done.stdout)
    pulls = [run for run in runs if run["stream"] != "push" and run["trigger"] != "hook"]
    assert {run["trigger"] for run in pulls} == {"schedule"}
    assert all(run["worker"]["pid"] for run in runs)
    assert {run["status"] for run in runs} == {"succeeded"}
