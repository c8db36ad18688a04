"""The stage of the funnel to work on first."""

from itertools import pairwise
from pathlib import Path

import pytest

from rules.funnel import Reference, lost_before_the_page, weakest_stage
from rules.kpi_catalogue import Measure, Unit
from tests.rules.worked_cases import FUNNEL, measures, shipped_catalogue, step, values


@pytest.mark.requirement("F19")
def test_the_storys_weakest_stage_is_the_form(shared: Path) -> None:
    computed = values(measures(FUNNEL))
    weak = weakest_stage(shipped_catalogue(), computed, {})
    assert weak is not None
    assert weak.code == step(shared, "S01")["expect"]["weakest_stage"]
    assert weak.reference is Reference.FLOOR
    assert weak.shortfall == pytest.approx(1 - (200 / 556) / 0.40)
    assert lost_before_the_page(computed) == pytest.approx(0.08)


@pytest.mark.requirement("F19")
def test_against_a_baseline_the_stage_that_lost_most_is_the_weakest() -> None:
    now = values(measures(FUNNEL))
    earlier = values(measures({**FUNNEL, Measure.SESSIONS: 2_080, Measure.FORM_STARTS: 1_000}))
    weak = weakest_stage(shipped_catalogue(), now, earlier)
    assert weak is not None
    assert (weak.code, weak.reference) == ("session_to_form_start", Reference.BASELINE)
    assert weak.shortfall == pytest.approx(1 - (556 / 1932) / (1000 / 2080))


@pytest.mark.requirement("F19")
def test_no_stage_is_weak_without_anything_to_fall_short_of() -> None:
    fine = values(measures({**FUNNEL, Measure.LEADS: 300}))
    assert weakest_stage(shipped_catalogue(), fine, {}) is None
    assert weakest_stage(shipped_catalogue(), fine, fine) is None
    assert weakest_stage(shipped_catalogue(), {}, {}) is None


@pytest.mark.requirement("F19")
def test_a_stage_with_too_few_trials_is_not_called_weak() -> None:
    few = values(measures({Measure.FORM_STARTS: 29, Measure.LEADS: 1}))
    assert weakest_stage(shipped_catalogue(), few, {}) is None
    assert lost_before_the_page(few) is None


@pytest.mark.requirement("F18")
def test_the_stages_of_the_shipped_funnel_multiply_to_qualified_leads_per_impression() -> None:
    funnel = shipped_catalogue().funnel()
    assert [each.stage for each in funnel] == [1, 2, 3, 4, 5]
    for stage, following in pairwise(funnel):
        assert stage.numerator is following.denominator
        assert stage.unit is Unit.SHARE
