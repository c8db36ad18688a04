"""Tests that ask leads for less: the guardrail they need, and the warning with its numbers."""

from pathlib import Path

import pytest

from rules.lead_data import lead_data_warning, removes_lead_data
from rules.words import Hypothesis
from tests.rules.retro_cases import HYPOTHESIS, SOUND, problems, read
from tests.rules.worked_cases import step, story


def test_fewer_fields_need_a_guardrail() -> None:
    bare = HYPOTHESIS.replace("    guardrail: qualified_share_of_leads\n", "")
    bare = bare.replace("    guardrail_margin_points: -5.0\n", "")
    (problem,) = problems(SOUND + bare)
    assert problem.startswith("retro.yaml:20: hypotheses[0]: hypothesis H-1 removes data asked of")
    assert read(SOUND + bare + "    removes_lead_data: false\n").hypotheses[0].guardrail is None


def test_a_guardrail_needs_its_margin() -> None:
    (problem,) = problems(SOUND + HYPOTHESIS.replace("    guardrail_margin_points: -5.0\n", ""))
    assert "guardrail and guardrail_margin_points go together" in problem


@pytest.mark.parametrize(
    ("cause", "change", "removes"),
    [
        ("formulaire trop long (8 champs)", "passons a 4 champs essentiels", True),
        ("the form has 8 fields", "ask 4 essential fields", True),
        ("4 champs seulement", "8 champs", False),
        ("le bouton est gris", "un bouton rouge", False),
    ],
)
def test_the_words_tell_whether_data_is_removed(cause: str, change: str, removes: bool) -> None:
    given = {"id": "H", "cause": cause, "change": change, "kpi": "k", "expected_relative": 0.2}
    assert removes_lead_data(Hypothesis.model_validate(given)) is removes
    assert removes_lead_data(Hypothesis.model_validate({**given, "removes_lead_data": True}))


def test_the_warning_takes_its_numbers_from_the_observations() -> None:
    sales = (
        "  - id: O-sales\n    text: la forme\n    figures:\n"
        "      - {kpi: lead_to_sale, numerator: 3, denominator: 700}\n"
        "      - {kpi: lead_to_sale, numerator: 1, denominator: 20}\ndecisions:"
    )
    retro = read(SOUND.replace("decisions:", sales) + HYPOTHESIS)
    (hypothesis,) = retro.hypotheses
    assert lead_data_warning(hypothesis, retro.observations, "en") == (
        "sales report that only 3 of 700 earlier leads became sales (la forme): removing fields "
        "may hurt quality, so the guardrail is mandatory"
    )
    french = lead_data_warning(hypothesis, retro.observations, "fr")
    assert french is not None
    assert "3 leads sur 700" in french
    unknown = lead_data_warning(hypothesis, retro.observations[:1], "en")
    assert unknown is not None
    assert unknown.startswith("how many leads became sales is not known")


def test_a_hypothesis_that_removes_nothing_is_not_warned_about() -> None:
    kept = read(SOUND + HYPOTHESIS + "    removes_lead_data: false\n").hypotheses[0]
    assert lead_data_warning(kept, (), "en") is None


@pytest.mark.requirement("F54")
def test_the_hypothesis_of_the_story_is_warned_as_it_says(shared: Path) -> None:
    given, cross = step(shared, "S03")["input"], story(shared)["cross_team"]["input"]
    hypothesis = Hypothesis.model_validate(
        {
            "id": "H",
            "cause": given["cause"],
            "change": given["if_we"],
            "kpi": given["then_kpi"],
            "expected_relative": given["expected_relative"],
            "guardrail": given["guardrail"],
            "guardrail_margin_points": given["guardrail_margin_points"],
        }
    )
    sales = SOUND.replace("taux de clic des e-mails transactionnels trop faible", cross["reason"])
    sales = sales.replace(
        "    kpis: [transactional_email_click_rate]",
        f"    figures: [{{kpi: lead_to_sale, numerator: {cross['sales']},"
        f" denominator: {cross['leads']}}}]",
    )
    warning = lead_data_warning(hypothesis, read(sales).observations, "en")
    assert warning is not None
    expected = step(shared, "S03")["expect"]["warning"]
    for words in (
        "sales report that only 12 of 500 earlier leads became sales",
        "may hurt quality",
    ):
        assert words in expected
        assert words in warning
    assert warning.endswith("guardrail is mandatory")
    assert expected.endswith("guardrail is mandatory")
