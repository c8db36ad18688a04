"""The re-check of a target: what the words and verdicts make of the figures."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.kpi_catalogue import Direction
from rules.kpis import KpiValue, Reason
from rules.recheck import Doubt, EvidenceGrade, Movement, Outcome, recheck
from rules.recheck_words import message, to_json, verdict
from rules.targets import TargetStatus, freeze_baseline, relative_target
from rules.two_groups import Method
from tests.rules.worked_cases import (
    EMAIL,
    email_rate,
    email_target,
    invoices,
    shipped_catalogue,
    step,
    storys_recheck,
)

CLICKS = st.integers(200, 2_000)
SENT = st.integers(20_000, 60_000)


def without_accents(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


@pytest.mark.requirement("F48")
def test_the_storys_recheck_says_what_the_figures_say(shared: Path) -> None:
    expected = step(shared, "S15")["expect"]
    english, french = to_json(storys_recheck(), "en"), to_json(storys_recheck(), "fr")
    assert english["verdict"] == expected["verdict"]
    assert english["srm_check"] == expected["srm_check"]
    assert english["evidence_grade"] == expected["evidence_grade"]
    assert without_accents(str(french["message"])) == expected["message"]
    assert english["message"] == (
        "+16.0 % (95 % CI +7.6 % to +25.0 %); probability that the target of +15 % is reached: "
        "59 %, and 51 % with the control group's trend taken out"
    )
    assert french["verdict"] == ("amélioré ; cible atteinte en estimation ponctuelle, non prouvé")
    assert french["srm_check"] == "non effectué : ce n'est pas un test randomisé"
    assert french["evidence_grade"] == "B (avant/après avec groupe témoin)"
    assert (english["outcome"], english["status"], english["doubts"]) == ("unproven", "unclear", [])


@pytest.mark.requirement("F48")
@pytest.mark.parametrize(
    ("clicked", "outcome", "words"),
    [
        (1_700, Outcome.MET, "improved; target met"),
        (1_487, Outcome.UNPROVEN, "improved; target met on the point estimate, not proven"),
        (1_450, Outcome.UNPROVEN, "improved; target not met on the point estimate, not ruled out"),
        (1_395, Outcome.MISSED, "improved; target missed"),
        (1_290, Outcome.MISSED, "no change shown; target missed"),
        (1_100, Outcome.MISSED, "worsened; target missed"),
    ],
)
def test_the_verdict_follows_from_the_clicks(clicked: int, outcome: Outcome, words: str) -> None:
    check = recheck(email_target(), email_rate(clicked, 51_300), None)
    assert check.outcome is outcome
    assert verdict(check, "en") == words
    assert check.evidence_grade is EvidenceGrade.C
    assert to_json(check, "en")["evidence_grade"] == "C (before/after)"


@pytest.mark.requirement("F48")
def test_every_verdict_has_its_french() -> None:
    said = [
        verdict(recheck(email_target(), email_rate(clicked, 51_300), None), "fr")
        for clicked in (1_700, 1_450, 1_290, 1_100)
    ]
    assert said == [
        "amélioré ; cible atteinte",
        "amélioré ; cible non atteinte en estimation ponctuelle, non exclu",
        "aucun changement démontré ; cible manquée",
        "dégradé ; cible manquée",
    ]


@pytest.mark.requirement("F48")
def test_a_rise_that_the_control_group_shares_proves_nothing() -> None:
    risen = invoices(after=email_rate(1_300, 30_960))
    check = recheck(email_target(), email_rate(1_700, 51_300), risen)
    assert check.change is not None
    assert check.change.p_target_reached > 0.90
    assert check.beyond_control is False
    assert check.outcome is Outcome.MISSED
    assert verdict(check, "en") == (
        "improved, but not provably more than the control group; target missed"
    )
    assert verdict(check, "fr") == (
        "amélioré, mais pas de façon prouvée plus que le groupe témoin ; cible manquée"
    )


@pytest.mark.requirement("F48")
def test_a_falling_control_group_does_not_make_a_flat_kpi_reach_its_target() -> None:
    fallen = invoices(after=email_rate(600, 30_960))
    check = recheck(email_target(), email_rate(1_290, 51_300), fallen)
    assert check.control is not None
    assert check.control.change is not None
    assert check.control.change.p_target_reached > 0.90
    assert check.outcome is Outcome.MISSED
    assert verdict(check, "en") == "no change shown; target missed"


@pytest.mark.requirement("F48")
def test_a_kpi_that_should_fall_is_judged_the_other_way_round() -> None:
    definition = shipped_catalogue().by_code()[EMAIL]
    falling = definition.model_copy(update={"direction": Direction.DECREASE})
    goal = relative_target(falling, freeze_baseline(email_rate(1_205, 48_210)), -0.15)
    down = recheck(goal, email_rate(950, 48_210), None)
    up = recheck(goal, email_rate(1_500, 48_210), None)
    assert down.change is not None
    assert up.change is not None
    assert (down.change.movement, down.outcome) == (Movement.IMPROVED, Outcome.MET)
    assert (up.change.movement, up.outcome) == (Movement.WORSENED, Outcome.MISSED)
    assert down.change.p_improved_one_sided < 1e-6 < 0.99 < up.change.p_improved_one_sided
    assert "target of -15 %" in message(down, "en")


@pytest.mark.requirement("F48")
def test_a_target_that_was_never_measured_is_unknown() -> None:  # trap T12
    check = recheck(email_target(), email_rate(0, 0), invoices())
    assert (check.outcome, check.status) == (Outcome.UNKNOWN, TargetStatus.UNKNOWN)
    assert check.reason is Reason.NO_DENOMINATOR
    shown = to_json(check, "en")
    assert (
        shown["message"]
        == shown["verdict"]
        == ("unknown: no sound figure since the target was set")
    )
    assert verdict(check, "fr") == "inconnu : aucun chiffre valable depuis que la cible est fixée"
    stats = shown["stats"]
    assert isinstance(stats, dict)
    assert (list(stats), stats["after"]) == (["baseline", "target_value", "after"], None)


@pytest.mark.requirement("F48")
@pytest.mark.parametrize(
    ("after", "doubt", "words"),
    [
        (email_rate(1_700, 51_300, complete=False), Doubt.INCOMPLETE, "the data are incomplete"),
        (replace(email_rate(1_700, 51_300), ripe=False), Doubt.NOT_RIPE, "still grow"),
        (
            replace(email_rate(1_700, 51_300), definition_version=2),
            Doubt.DEFINITION_CHANGED,
            "defined otherwise",
        ),
        (email_rate(1_000, 29_198), Doubt.TOO_FEW, "the sample is too small"),
    ],
)
def test_doubtful_data_leave_the_best_figures_unproven(
    after: KpiValue, doubt: Doubt, words: str
) -> None:
    check = recheck(email_target(), after, None)
    assert check.change is not None
    assert check.change.p_target_reached > 0.90
    assert check.doubts == (doubt,)
    assert (check.outcome, check.status) == (Outcome.UNPROVEN, TargetStatus.UNCLEAR)
    assert verdict(check, "en").startswith(
        "improved; target met on the point estimate, not proven; "
    )
    assert words in verdict(check, "en")


@pytest.mark.requirement("F48")
def test_as_many_as_the_target_needs_are_not_too_few() -> None:
    assert recheck(email_target(), email_rate(1_000, 29_199), None).outcome is Outcome.MET


@pytest.mark.requirement("F48")
def test_an_incomplete_baseline_or_control_group_leaves_doubt_too() -> None:
    vague = freeze_baseline(email_rate(1_205, 48_210, complete=False))
    started_badly = replace(email_target(), baseline=vague)
    assert recheck(started_badly, email_rate(1_700, 51_300), None).doubts == (Doubt.INCOMPLETE,)
    gaps = invoices(before=email_rate(930, 30_000, complete=False))
    assert recheck(email_target(), email_rate(1_700, 51_300), gaps).doubts == (Doubt.INCOMPLETE,)


@pytest.mark.requirement("F48")
def test_counts_too_small_for_the_normal_curve_are_too_few() -> None:
    steep = email_target(4, 40, relative=4)
    check = recheck(steep, email_rate(4, 40), None)
    assert check.test is not None
    assert check.test.method is Method.FISHER
    assert steep.needed_per_period <= 40
    assert check.doubts == (Doubt.TOO_FEW,)


@pytest.mark.requirement("F48")
def test_no_click_at_all_is_unproven_because_counting_may_be_broken() -> None:
    check = recheck(email_target(), email_rate(0, 51_300), invoices())
    assert check.change is None
    assert check.beyond_control is None
    assert check.doubts == (Doubt.NOTHING_COUNTED, Doubt.UNUSABLE_CONTROL)
    assert message(check, "en") == (
        "target not met on the point estimate, not ruled out; nothing was counted since; "
        "the control group cannot be compared"
    )


@pytest.mark.requirement("F48")
@pytest.mark.parametrize("after", [email_rate(0, 0), email_rate(0, 30_960)])
def test_a_control_group_without_counts_lends_no_grade(after: KpiValue) -> None:
    check = recheck(email_target(), email_rate(1_700, 51_300), invoices(after=after))
    assert check.doubts == (Doubt.UNUSABLE_CONTROL,)
    assert check.evidence_grade is EvidenceGrade.C
    assert check.beyond_control is None
    assert "le groupe témoin n'est pas comparable" in verdict(check, "fr")
    assert message(check, "fr").endswith(
        "soit atteinte: 100 % ; le groupe témoin n'est pas comparable"
    )


def test_a_figure_of_another_kpi_is_refused() -> None:
    other = replace(email_rate(1_487, 51_300), code="click_rate")
    with pytest.raises(ValueError, match="is not checked by click_rate"):
        recheck(email_target(), other, None)
    with pytest.raises(ValueError, match="is not checked by click_rate"):
        recheck(email_target(), email_rate(1_487, 51_300), invoices(after=other))


@given(CLICKS, SENT, CLICKS, SENT)
def test_words_never_claim_more_than_the_probability(b: int, n: int, a: int, m: int) -> None:
    check = recheck(email_target(b, n), email_rate(a, m), None)
    assert check.change is not None
    chance = check.change.p_target_reached
    assert (check.outcome is Outcome.MET) == (chance >= 0.90 and not check.doubts)
    assert (check.outcome is Outcome.MISSED) == (chance <= 0.10 and not check.doubts)
    assert ("not proven" in verdict(check, "en")) <= (check.outcome is Outcome.UNPROVEN)
    assert (check.change.movement is Movement.IMPROVED) == (check.change.ratio.interval.low > 0)
