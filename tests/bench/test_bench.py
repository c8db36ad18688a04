"""The bench's own parts: what is chosen, how figures are judged, and what is said at the end."""

import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from tests.bench import portals, report
from tests.bench.__main__ import chosen, medians, outcome
from tests.bench.measures import MEASURES, share
from tests.bench.plan import PAGES, PLAN, Sizes
from tests.bench.portals import served
from tests.bench.targets import TARGETS, Target, judged, requests_per_1000


def row(name: str, **values: Any) -> dict[str, Any]:
    plain = {
        "records": 100_000,
        "requests": 40,
        "refused": 0,
        "seconds": 4.0,
        "cpu_seconds": 3.0,
        "per_second": 25_000.0,
        "peak_mb": 150.0,
        "share": 0.97,
    }
    return {"name": name, **plain, "once": False, **values}


def all_rows() -> dict[str, dict[str, Any]]:
    """Of a bench that meets everything."""
    rows = {planned.name: row(planned.name) for planned in PLAN}
    rows["no change"] |= {"seconds": 0.4, "requests": 5}
    rows["push"] |= {"records": 1000, "requests": 1030}
    rows["limit bitrix24"] |= {"records": 1_000_000, "requests": 420, "seconds": 190.0}
    rows["pull hubspot"] |= {"requests": 1001}
    return rows


def missed(rows: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    verdicts = judged(rows)
    return [(one.target.measure, one.target.words) for one in verdicts if not one.met]


def test_every_planned_measure_can_be_made() -> None:
    assert list(MEASURES) == [planned.name for planned in PLAN]


def test_every_target_is_of_measures_that_are_planned() -> None:
    planned = {planned.name for planned in PLAN}
    assert {name for target in TARGETS for name in (target.measure, *target.needs)} <= planned


def test_all_targets_are_judged_and_met_by_good_figures() -> None:
    assert len(judged(all_rows())) == len(TARGETS)
    assert missed(all_rows()) == []


@pytest.mark.parametrize(
    ("measure", "values", "words"),
    [
        ("pull bitrix24", {"per_second": 17_999.0}, "records/s into SQLite"),
        ("pull bitrix24", {"requests": 51}, "requests per 1,000 records"),
        ("pull postgresql", {"per_second": 11_000.0}, "records/s into PostgreSQL"),
        ("ceiling", {"per_second": 50_000.0}, "of the ceiling"),
        ("pull 50 ms", {"per_second": 19_000.0}, "of the records/s at 0 ms"),
        ("no change", {"requests": 6}, "requests"),
        ("no change", {"seconds": 1.01}, "seconds from the start of the run"),
        ("push", {"requests": 1101}, "requests a task"),
        ("push", {"refused": 1}, "refusals"),
        ("limit bitrix24", {"seconds": 194.3}, "seconds, for 1.05 × (requests - 50) / 2"),
        ("limit bitrix24", {"peak_mb": 173.0}, "of the peak of the shorter pull"),
        ("limit bitrix24", {"refused": 1}, "refusals"),
        ("pull hubspot", {"cpu_seconds": 7.6}, "of Bitrix24's CPU seconds a record"),
        ("pull salesforce", {"requests": 100}, "requests per 1,000 records"),
        ("limit pipedrive", {"share": 0.94}, "of the published limit"),
    ],
)
def test_a_figure_beyond_its_threshold_is_a_miss(
    measure: str, values: dict[str, float], words: str
) -> None:
    rows = all_rows()
    rows[measure] |= values
    assert [one_words for _, one_words in missed(rows)] == [words]


def test_what_was_not_measured_is_not_judged() -> None:
    rows = all_rows()
    del rows["pull bitrix24"], rows["ceiling"]
    judged_now = {one.target.measure for one in judged(rows)}
    assert judged_now == {planned.name for planned in PLAN} - {
        "pull bitrix24",
        "ceiling",
        "pull 50 ms",
        "changes",
    }
    # Within the burst nothing tells of a rate.
    rows["limit bitrix24"]["share"] = None
    assert "of the published limit" not in {
        one.target.words for one in judged(rows) if one.target.measure == "limit bitrix24"
    }


def test_the_share_of_a_limit_is_that_of_the_time_in_which_it_holds() -> None:
    pages = [(1.0, 10_000), (5.0, 125_000), (6.0, 129_900), (15.0, 174_000)]
    assert share("bitrix24", row("x"), pages) == pytest.approx(49_000 / (10 * 2 * 2500))
    assert share("bitrix24", row("x"), pages[:2]) is None
    assert share("hubspot", row("x"), [(1.0, 100), (11.0, 10_000)]) == pytest.approx(0.99)
    assert share("salesforce", row("x", requests=52), []) == pytest.approx(100 / 104)


def test_an_aim_beyond_the_threshold_is_told_and_no_miss() -> None:
    target = Target("x", "y", lambda _: 20.0, lambda _: 18.0, True, "a test", stretch=28.0)
    (verdict,) = judged({"x": row("x")}, [target])
    assert verdict.met
    assert verdict.words == "met, not 28"


def test_the_least_requests_are_full_pages_and_what_a_pull_needs_besides() -> None:
    assert {tool: requests_per_1000(tool, 100_000) for tool in PAGES} == {
        "bitrix24": 0.5,
        "hubspot": 10.02,
        "pipedrive": 2.02,
        "salesforce": 0.54,
    }


def test_a_family_is_chosen_by_its_first_word_and_an_unknown_name_is_refused() -> None:
    assert len(chosen([])) == len(PLAN)
    assert [one.name for one in chosen(["limit", "ceiling"])] == [
        "ceiling",
        *(f"limit {tool}" for tool in PAGES),
    ]
    with pytest.raises(SystemExit, match="no measure 'pulls'"):
        chosen(["pulls"])


def test_the_middle_of_all_rounds_is_shown() -> None:
    found = medians([row("a", seconds=s, share=None) for s in (3.0, 1.0, 2.0)])
    assert [(one["seconds"], one["share"], one["repeats"]) for one in found] == [(2.0, None, 3)]


def test_the_end_names_each_miss_and_what_could_not_be_measured() -> None:
    rows = all_rows()
    assert outcome(judged(rows), []) == [f"All {len(TARGETS)} thresholds are met."]
    rows["push"]["requests"] = 2000
    assert outcome(judged(rows), ["pull hubspot"]) == [
        "It could not be measured: pull hubspot",
        "Missed: push: 2.000 requests a task, at most 1.100 asked for",
    ]


def test_figures_and_verdicts_are_shown_and_kept(tmp_path: Path) -> None:
    rows = medians([row("push", records=1000, requests=2000, once=True)])
    verdicts = judged({"push": rows[0]})
    console = Console(record=True, width=160)
    report.show(rows, verdicts, console)
    shown = console.export_text()
    assert "MISSED" in shown
    assert "once" in shown
    kept = json.loads(report.keep(rows, verdicts, Sizes(), tmp_path).read_text())
    assert kept["figures"][0]["requests"] == 2000
    assert [one["met"] for one in kept["targets"]] == [False, True]


def test_a_portal_with_faster_buckets_is_served() -> None:
    wanted = next(planned.wanted for planned in PLAN if planned.wanted.faster != 1.0)
    with served(wanted, Sizes(records=5, many=5, tasks=1)) as described:
        assert described["kind"] == "bitrix24"
        clock = httpx.get(f"{described['control']}/clock")
        assert clock.status_code == httpx.codes.OK


def test_a_sandbox_that_cannot_be_served_is_said_to_have_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(portals, "_command", lambda *_: [sys.executable, "-c", ""])
    with (
        pytest.raises(RuntimeError, match="The sandbox has ended"),
        served(PLAN[0].wanted, Sizes()),
    ):
        pass
