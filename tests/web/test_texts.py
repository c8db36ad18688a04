"""The words and figures of the pages, in both languages."""

import re
import string
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import connectors.errors
from connectors.models import ActionStatus, Stream
from rules.language import Language
from rules.recheck import Outcome
from rules.targets import TargetStatus
from rules.words import DecisionStatus
from sync.merge import TaskField
from sync.tables.agreements import Reason
from sync.tables.connections import ConnectionState
from sync.tables.runs import Mode, RunStatus, Trigger
from web.figures import Figures, age
from web.pages import TEMPLATES
from web.texts import Texts, all_texts
from web.tones import TONES

LANGUAGES: tuple[Language, ...] = ("en", "fr")
WORDS: list[tuple[str, type[StrEnum]]] = [
    ("connection", ConnectionState),
    ("run", RunStatus),
    ("mode", Mode),
    ("trigger", Trigger),
    ("stream", Stream),
    ("decision", DecisionStatus),
    ("action", ActionStatus),
    ("target", TargetStatus),
    ("target", Outcome),
    ("field", TaskField),
    ("conflict", Reason),
]
COLOURED = ("connection", "run", "decision", "action", "target")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def forms(text: Any) -> dict[str, str]:
    return {"text": text} if isinstance(text, str) else text


def test_every_text_is_there_in_both_languages_with_the_same_values() -> None:
    for key, languages in all_texts().items():
        assert sorted(languages) == ["en", "fr"], key
        english, french = (forms(languages[language]) for language in LANGUAGES)
        assert english.keys() == french.keys(), key
        assert english.keys() in ({"text"}, {"one", "other"}), key
        for form in english:
            assert english[form], key
            assert _values(english[form]) == _values(french[form]), key


def _values(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_word_of_the_database_has_a_text_and_every_status_a_colour() -> None:
    for kind, words in WORDS:
        for word in words:
            assert f"{kind}.{word}" in all_texts()
            assert kind not in COLOURED or word in TONES


def test_every_error_of_a_tool_has_words_a_step_and_somebody_who_repairs_it() -> None:
    leaves = [each for each in vars(connectors.errors).values() if _is_leaf(each)]
    assert len(leaves) == 9
    for error in leaves:
        assert {f"error.{error.__name__}", f"step.{error.__name__}"} <= all_texts().keys()
        assert f"who.{error.who}" in all_texts()


def _is_leaf(value: Any) -> bool:
    """Without those of connectors: whatever one of them raises goes by its kind in the tree."""
    base = connectors.errors.ConnectorError
    if not (isinstance(value, type) and issubclass(value, base)):
        return False
    return all(each.__module__ != base.__module__ for each in value.__subclasses__())


def test_an_error_that_only_one_tool_has_goes_by_its_kind() -> None:
    class Locked(connectors.errors.Rejected):
        """The words and the colour are those of what is refused."""

    assert Locked("Somebody edits the record.").kind == "Rejected"


def test_every_text_that_a_template_asks_for_is_there() -> None:
    asked = {
        key
        for template in TEMPLATES.glob("*.html")
        for key in re.findall(r'\bt\("([a-z_.]+\w)"[,)]', _source(template))
    }
    assert len(asked) > 40
    assert asked <= all_texts().keys()


def _source(template: Path) -> str:
    return template.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("language", "n", "text"),
    [
        ("en", 0, "0 connections"),
        ("en", 1, "1 connection"),
        ("en", 1200, "1,200 connections"),
        ("fr", 0, "0 connexion"),
        ("fr", 1, "1 connexion"),
        ("fr", 1200, "1\u202f200 connexions"),
    ],
)
def test_a_number_chooses_between_one_and_many(language: Language, n: int, text: str) -> None:
    assert Texts(language)("connections.count", n=n) == text


def test_a_word_nobody_translated_is_shown_as_it_is_and_an_unknown_error_as_any_other() -> None:
    assert Texts("fr").word("decision", "postponed") == "postponed"
    assert Texts("fr").word("error", "NewKind") == "Quelque chose s'est mal passé."


def test_a_french_sign_keeps_to_its_word() -> None:
    assert Texts("fr")("page.next_step") == "Prochaine étape\u00a0:"
    assert Texts("en")("page.next_step") == "Next step:"


@pytest.mark.parametrize(
    ("language", "rate", "step", "day", "moment", "seconds"),
    [
        ("en", "2.87 %", "+15 %", "2026-12-14", "2026-11-23 10:00", "6.1 s"),
        ("fr", "2,87 %", "+15 %", "14/12/2026", "23/11/2026 10:00", "6,1 s"),
    ],
)
def test_figures_are_written_as_the_language_does(
    language: Language, rate: str, step: str, day: str, moment: str, seconds: str
) -> None:
    figures = Figures(language, ZoneInfo("Europe/Paris"))
    shown = (
        figures.rate(0.028744),
        figures.step(0.15),
        figures.day(date(2026, 12, 14)),
        figures.moment(NOW),
        figures.duration(6.14),
    )
    assert tuple(text.replace("\u00a0", " ") for text in shown) == (
        rate,
        step,
        day,
        moment,
        seconds,
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(59.94, "59.9 s"), (59.96, "1 min"), (600, "10 min"), (3599, "1 h 00"), (7500, "2 h 05")],
)
def test_long_durations_are_told_in_minutes_and_hours(seconds: float, text: str) -> None:
    shown = Figures("en", ZoneInfo("UTC")).duration(seconds)
    assert shown.replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("passed", "told"),
    [
        (timedelta(seconds=-5), ("now", 0)),
        (timedelta(seconds=59), ("now", 0)),
        (timedelta(minutes=1), ("minutes", 1)),
        (timedelta(minutes=59, seconds=59), ("minutes", 59)),
        (timedelta(hours=23), ("hours", 23)),
        (timedelta(hours=49), ("days", 2)),
    ],
)
def test_an_age_is_told_in_its_largest_unit(passed: timedelta, told: tuple[str, int]) -> None:
    assert age(NOW - passed, NOW) == told
