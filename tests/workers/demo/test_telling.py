"""The demo's report for people, told of a report as it was played."""

import string
from datetime import UTC, datetime
from typing import Any

import pytest

from config.shipped import shipped_text
from rules.kpi_catalogue import parse_catalogue
from rules.language import Language
from workers.cli.output import Output
from workers.demo.telling import Telling, step_line
from workers.demo.words import LANGUAGES, all_words


def rate(numerator: int, denominator: int) -> dict[str, Any]:
    return {
        "numerator": numerator,
        "denominator": denominator,
        "value": numerator / denominator,
        "wilson95": [0.01, 0.02],
    }


def report(verdicts: dict[str, str]) -> dict[str, Any]:
    title = "[Retro R-1] nouveau gabarit"
    done = {"at": "2026-12-11T23:30:00+00:00", "progress_done": 1, "progress_total": 3}
    return {
        "S01": {
            "campaign": "C-1",
            "came_in": {"people": 11, "pipelines": 28, "tasks": 0, "stage_changes": 12806},
            "pipelines": 5,
            "kpis": {"click_rate": rate(2100, 50000)},
            "cpql_eur": 60.0,
            "flags": [
                {
                    "kpi": "form_completion",
                    "rule_fired": "R01",
                    "floor": 0.4,
                    "in_words": {"en": "probable", "fr": "vraisemblable"},
                }
            ],
            "weakest_stage": "form_completion",
        },
        "S02": {"meeting_cost_eur": 371.1, "carried_over": [], "observations": []},
        "S03": {"warnings": {"en": "sales report", "fr": "les ventes rapportent"}},
        "S10": {
            "rule_fired": "R03",
            "parent_owner": "p_mkt",
            "kpi_target_row": {
                "kpi": "click_rate",
                "baseline": rate(1205, 48210),
                "target_value": 0.0287,
            },
            "n_per_period_to_see_15_percent": 29199,
            "task_payloads": [{"id": "1", "title": title}, {"id": "2", "title": title}],
            "child_tasks": [
                {"role": "designer", "owner": "p_des", "due": "2026-12-14"},
                {"role": "copywriter", "owner": "p_cop", "due": "2026-12-14"},
            ],
        },
        "S11": {"reminders": ["p_cop"], "business_days_to_due": 2, "due": "2026-12-14"},
        "S12": done,
        "S12b": done,
        "S13": {
            "overdue_business_days": 2,
            "escalated_to": "p_cmo",
            "reminder_to": "p_cop",
            "decision_status": "at_risk",
        },
        "S14": {
            **done,
            "measure_window": ["2026-12-18", "2027-01-14"],
            "recheck_on": "2027-01-15",
        },
        "S15": {
            "verdict": verdicts["en"],
            "verdicts": verdicts,
            "messages": {"en": "+16.0 %", "fr": "+16,0 %"},
            "evidence_grades": {"en": "B (before/after)", "fr": "B (avant/après)"},
        },
    }


def told(language: Language, capsys: pytest.CaptureFixture[str]) -> str:
    kpis = parse_catalogue(shipped_text("kpis.yaml"), "kpis.yaml").by_code()
    verdicts = {"en": "improved", "fr": "amélioré"}
    Telling(Output(json=False), language, kpis).tell(report(verdicts))
    return capsys.readouterr().out


def test_a_report_is_told_in_one_language(capsys: pytest.CaptureFixture[str]) -> None:
    english, french = (told(language, capsys) for language in LANGUAGES)
    for part in ("What came in", "Click rate", "4.2 %", "sales report", "Re-check: improved"):
        assert part in english
        assert part not in french
    for part in ("Ce qui est entré", "Taux de clic", "4,2 %", "les ventes", "amélioré"):
        assert part in french
        assert part not in english


def test_people_rules_and_streams_have_names(capsys: pytest.CaptureFixture[str]) -> None:
    english = told("en", capsys)
    for part in ("28 stages of 5 pipelines", "0 tasks", "12,806 stage changes"):
        assert part in english
    assert "R03 (a decision to improve a KPI makes a target" in english
    assert "Élodie Framezelle" in english
    assert "copywriter" in english
    assert "p_mkt" not in english
    assert "form_completion" not in english
    assert english.count("nouveau gabarit") == 1


def test_times_are_those_of_paris_and_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    moment = datetime(2026, 9, 21, 4, 0, tzinfo=UTC)
    assert step_line("S01", moment, "en").startswith("S01   2026-09-21 06:00  the tools")
    assert step_line("S01", moment, "fr").startswith("S01   21/09/2026 06:00  les outils")
    english = told("en", capsys)
    assert "Times are those of Paris." in english
    assert "2026-12-12: 1 of 3 tasks done." in english


def test_every_word_is_there_in_both_languages_with_the_same_values() -> None:
    for group, entries in all_words().items():
        for name, languages in entries.items():
            assert sorted(languages) == list(LANGUAGES), f"{group}.{name}"
            english, french = (values(languages[language]) for language in LANGUAGES)
            assert english == french, f"{group}.{name}"


def values(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}
