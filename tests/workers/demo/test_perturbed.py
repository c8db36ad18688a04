"""Other counts in portal and files: the report is recomputed from the generator by other code."""

from pathlib import Path

import pytest
from statsmodels.stats.proportion import proportion_confint

from tests.workers.demo.test_story import run_demo
from workers.demo.counts import Clicks, perturbed
from workers.demo.world import story_counts

pytestmark = pytest.mark.slow


def wilson(clicks: Clicks) -> tuple[float, float]:
    low, high = proportion_confint(clicks.clicked, clicks.delivered, method="wilson")
    return float(low), float(high)


@pytest.mark.parametrize(
    "seed", [5, pytest.param(8, marks=pytest.mark.faults), pytest.param(13, marks=pytest.mark.soak)]
)
def test_a_perturbed_demo_reports_what_its_generator_holds(seed: int, tmp_path: Path) -> None:
    counts = perturbed(story_counts(), seed)
    emails = counts.emails
    report = run_demo(tmp_path, "--perturb", str(seed))

    funnel = {
        "click_rate": (counts.clicks, counts.impressions),
        "click_to_session": (counts.sessions, counts.clicks),
        "session_to_form_start": (counts.form_starts, counts.sessions),
        "form_completion": (counts.leads, counts.form_starts),
        "lead_rate_per_impression": (counts.leads, counts.impressions),
        "lead_rate_per_click": (counts.leads, counts.clicks),
        "qualified_share_of_leads": (counts.qualified, counts.leads),
    }
    for code, (numerator, denominator) in funnel.items():
        shown = report["S01"]["kpis"][code]
        assert (shown["numerator"], shown["denominator"]) == (numerator, denominator), code
        expected = proportion_confint(numerator, denominator, method="wilson")
        assert shown["wilson95"] == pytest.approx(list(map(float, expected)), abs=1e-9), code
    assert report["S01"]["cpql_eur"] == pytest.approx(float(counts.spend) / counts.qualified)

    baseline = report["S10"]["kpi_target_row"]["baseline"]
    before = emails.treated_before
    assert (baseline["numerator"], baseline["denominator"]) == (before.clicked, before.delivered)
    assert baseline["wilson95"] == pytest.approx(list(wilson(before)), abs=1e-9)

    stats = report["S15"]["stats"]
    after = emails.treated_after
    assert (stats["after"]["numerator"], stats["after"]["denominator"]) == (
        after.clicked,
        after.delivered,
    )
    uplift = (after.clicked / after.delivered) / (before.clicked / before.delivered) - 1
    assert stats["uplift_relative"] == pytest.approx(uplift, abs=1e-9)
    low, high = emails.control_before, emails.control_after
    points = (after.clicked / after.delivered - before.clicked / before.delivered) - (
        high.clicked / high.delivered - low.clicked / low.delivered
    )
    assert stats["did_points"] == pytest.approx(points * 100, abs=1e-9)
    sales = counts.earlier
    assert f"{sales.sales} leads sur {sales.leads}" in report["S03"]["warning"]
