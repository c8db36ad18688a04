"""A KPI target that a tool keeps as a task is told in the language of the team."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from connectors.models import KpiTarget, TargetWords
from connectors.target_text import text_of, title, with_results
from rules.language import Language
from rules.plan import PlannedTarget
from rules.recheck import recheck
from rules.targets import relative_target
from tests.rules.test_targets import email
from tests.rules.worked_cases import email_rate, email_target
from workers.target_words import planned_words, result_words

CODE = "transactional_email_click_rate"
TOLD: Mapping[Language, tuple[str, str]] = {
    "en": (
        "KPI target: Click rate of transactional e-mails +15 %",
        f"Target: 2.50 % → 2.87 % (+15 %)\nKPI: Click rate of transactional e-mails ({CODE})\n"
        "Decision: D-1",
    ),
    "fr": (
        "Cible KPI : Taux de clic des e-mails transactionnels +15 %",
        "Cible : 2,50 % → 2,87 % (+15 %)\n"
        f"KPI : Taux de clic des e-mails transactionnels ({CODE})\nDécision : D-1",
    ),
}


def planned() -> PlannedTarget:
    return PlannedTarget("D-1:target", "D-1", email_target(), date(2027, 1, 15), ())


def target(words: TargetWords | None) -> KpiTarget:
    return KpiTarget(
        key="D-1:target",
        title="Taux de clic",
        kpi=CODE,
        unit="share",
        decision="D-1",
        baseline=0.025,
        target=0.02875,
        starts_on=date(2026, 12, 15),
        recheck_on=date(2027, 1, 15),
        words=words,
    )


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_target_is_told_with_its_figures_as_elsewhere(language: Language) -> None:
    told = target(planned_words(planned(), email(), None, language))
    assert (title(told), text_of(told)) == TOLD[language]


def test_a_segment_is_told() -> None:
    words = planned_words(planned(), email(), "channel=ads", "fr")
    assert "Segment : channel=ads" in words.about


def test_a_small_step_is_shown_with_the_digits_it_needs() -> None:
    small = email_target()
    baseline = replace(small.baseline, sample=type(small.baseline.sample)(12, 100_000))
    step = replace(planned(), target=relative_target(email(), baseline, 0.02))
    assert planned_words(step, email(), None, "en").planned[0] == (
        "Target: 0.0120 % → 0.0122 % (+2 %)"
    )


def test_what_came_out_replaces_what_was_told_before_in_either_language() -> None:
    found = recheck(email_target(), email_rate(1400, 48_210), None)
    words = TargetWords(title="D-1:target", results=list(result_words(found, "fr")))
    held = "Voir Léa\nCible : 2,50 % → 2,87 % (+15 %)\nActual: 0.02\nOutcome: met\nMesuré : 2,00 %"
    lines = with_results(held, target(words)).splitlines()
    assert lines[:3] == ["Voir Léa", "Cible : 2,50 % → 2,87 % (+15 %)", "Mesuré : 2,90 %"]
    assert lines[3].startswith("Verdict : amélioré ; ")
    assert len(lines) == 4
