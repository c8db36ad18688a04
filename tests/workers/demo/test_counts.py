"""The counts of the story, and others like them."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from workers.demo.counts import StoryCounts, perturbed
from workers.demo.world import story_counts

SEEDS = range(200)


def numbers(counts: StoryCounts) -> dict[str, Any]:
    """Every count by its path, without names and days."""
    flat: dict[str, Any] = {}

    def walk(path: str, value: object) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{path}/{name}", inner)
        elif isinstance(value, int | Decimal):
            flat[path] = value

    walk("", counts.model_dump())
    return flat


def test_the_shipped_counts_are_those_of_the_story(shared: Path) -> None:
    story = json.loads((shared / "cases" / "story.json").read_text(encoding="utf-8"))
    inputs = {step["id"]: step["input"] for step in story["steps"]}
    counts = story_counts()
    funnel, check = inputs["S01"]["funnel"], inputs["S15"]
    assert counts.campaign == inputs["S01"]["campaign"]
    assert counts.period.start.isoformat() == inputs["S01"]["period"][0]
    assert counts.period.list()[-1].isoformat() == inputs["S01"]["period"][1]
    assert counts.spend == Decimal(str(inputs["S01"]["spend_eur"]))
    assert [
        counts.impressions,
        counts.clicks,
        counts.sessions,
        counts.form_starts,
        counts.leads,
        counts.qualified,
    ] == list(funnel.values())
    assert (counts.earlier.sales, counts.earlier.leads) == (
        story["cross_team"]["input"]["sales"],
        story["cross_team"]["input"]["leads"],
    )
    emails = counts.emails
    assert [emails.before.start.isoformat(), emails.before.list()[-1].isoformat()] == check[
        "baseline_window"
    ]
    window = next(s["expect"]["measure_window"] for s in story["steps"] if s["id"] == "S14")
    assert [emails.after.start.isoformat(), emails.after.list()[-1].isoformat()] == window
    for clicks, told in (
        (emails.treated_before, check["before"]),
        (emails.treated_after, check["after"]),
        (emails.control_before, check["control"]["before"]),
        (emails.control_after, check["control"]["after"]),
    ):
        assert (clicks.clicked, clicks.delivered) == (told["clicks"], told["delivered"])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_perturbed_counts_all_differ_and_repeat_with_their_seed(seed: int) -> None:
    told, other = numbers(story_counts()), numbers(perturbed(story_counts(), seed))
    assert len(told) == 17
    assert told.keys() == other.keys()
    assert [path for path in told if told[path] == other[path]] == []
    assert other == numbers(perturbed(story_counts(), seed))


def test_no_seed_gives_impossible_counts() -> None:
    told = story_counts()
    for seed in SEEDS:
        counts = perturbed(told, seed)
        narrowing = [
            counts.impressions,
            counts.clicks,
            counts.sessions,
            counts.form_starts,
            counts.leads,
            counts.qualified,
        ]
        assert narrowing == sorted(narrowing, reverse=True)
        assert counts.qualified > 0
        assert counts.earlier.sales <= counts.earlier.leads
        assert counts.spend == counts.spend.quantize(Decimal("0.01"))


def test_some_seeds_turn_the_flag_and_the_verdict() -> None:
    told = story_counts()
    others = [perturbed(told, seed) for seed in SEEDS]
    unflagged = sum(each.leads / each.form_starts >= 0.4 for each in others)
    worse = sum(
        each.emails.treated_after.clicked / each.emails.treated_after.delivered
        < each.emails.treated_before.clicked / each.emails.treated_before.delivered
        for each in others
    )
    assert 20 < unflagged < 150
    assert 5 < worse < 100


def test_more_leads_than_form_starts_are_refused() -> None:
    with pytest.raises(ValidationError, match="557 leads of 556 form_starts"):
        StoryCounts.model_validate(story_counts().model_dump() | {"leads": 557})
