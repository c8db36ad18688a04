"""The figures of a re-check against the story and against models fitted by statsmodels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.families.links import Identity, Log
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

from rules.recheck import recheck
from rules.recheck_words import to_json
from tests.rules.worked_cases import email_rate, email_target, invoices, step, storys_recheck

# Identity and log links can leave 0 to 1 in general; a saturated model has the observed rates.
saturated = pytest.mark.filterwarnings("ignore:The (Identity|Log) link function does not respect")
CLICKS = st.integers(200, 2_000)
SENT = st.integers(20_000, 60_000)


def last_effect(cells: list[tuple[int, int]], link: Log | Identity) -> tuple[float, float]:
    """Estimate and error of the last effect in a saturated binomial model of two or four cells.

    Two cells are before and after, their last effect is the change. Four are the treated group's
    and then the control group's, their last effect is the difference of the two changes.
    """
    rows = {2: [[1, 0], [1, 1]], 4: [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0], [1, 0, 1, 0]]}
    design = np.array(rows[len(cells)])
    counts = np.array([(yes, trials - yes) for yes, trials in cells])
    effects = np.linalg.solve(design, link(counts[:, 0] / counts.sum(axis=1)))
    model = GLM(counts, design, family=Binomial(link=link))
    # A saturated model is solved by the observed rates: the score there is nought, no fit needed.
    assert model.score(effects) == pytest.approx(0, abs=1e-3)
    errors = np.sqrt(np.diag(np.linalg.inv(-model.hessian(effects, observed=False))))
    return float(effects[-1]), float(errors[-1])


@pytest.mark.requirement("F48")
def test_the_storys_recheck_has_all_its_figures(shared: Path) -> None:
    expected = step(shared, "S15")["expect"]["stats"]
    stats = to_json(storys_recheck(), "fr")["stats"]
    assert isinstance(stats, dict)
    assert stats.keys() == expected.keys()
    for name in ("baseline", "after", "control_before", "control_after"):
        counts, interval = dict(expected[name]), expected[name]["wilson95"]
        assert stats[name].pop("wilson95") == pytest.approx(interval, abs=1e-4)
        counts.pop("wilson95")
        assert stats[name] == pytest.approx(counts, abs=1e-4)
    for name in ("target_value", "uplift_relative", "did_relative"):
        assert stats[name] == pytest.approx(expected[name], abs=1e-4), name
    for name in ("uplift_relative_ci95", "did_relative_ci95"):
        assert stats[name] == pytest.approx(expected[name], abs=1e-4), name
    for name in ("p_improved_one_sided", "p_target_reached", "did_p_target_reached"):
        assert stats[name] == pytest.approx(expected[name], rel=0.01), name
    assert stats["did_points"] == pytest.approx(expected["did_points"], abs=0.01)
    assert stats["did_points_ci95"] == pytest.approx(expected["did_points_ci95"], abs=0.01)
    assert stats["did_z"] == pytest.approx(expected["did_z"], abs=1e-3)


@saturated
@settings(max_examples=30)
@given(st.tuples(CLICKS, SENT, CLICKS, SENT, CLICKS, SENT, CLICKS, SENT))
def test_every_figure_equals_that_of_statsmodels(n: tuple[int, ...]) -> None:
    cells = [(n[0], n[1]), (n[2], n[3]), (n[4], n[5]), (n[6], n[7])]
    check = recheck(
        email_target(*cells[0]),
        email_rate(*cells[1]),
        invoices(email_rate(*cells[2]), email_rate(*cells[3])),
    )
    stats: Any = to_json(check, "en")["stats"]

    names = ("baseline", "after", "control_before", "control_after")
    for name, (yes, trials) in zip(names, cells, strict=True):
        low, high = proportion_confint(yes, trials, method="wilson")
        assert stats[name]["wilson95"] == pytest.approx([low, high])

    assert check.test is not None
    z, p = proportions_ztest([n[0], n[2]], [n[1], n[3]])
    assert (check.test.z, check.test.p_two_sided) == pytest.approx((z, p), rel=1e-6, abs=1e-12)

    plain, error = last_effect(cells[:2], Log())
    assert stats["uplift_relative"] == pytest.approx(np.expm1(plain), abs=1e-6)
    assert stats["uplift_relative_ci95"] == pytest.approx(
        [np.expm1(plain - 1.959964 * error), np.expm1(plain + 1.959964 * error)], abs=1e-4
    )
    assert stats["p_improved_one_sided"] == pytest.approx(norm.sf(plain / error), abs=1e-5)
    reached = norm.cdf((plain - np.log(1.15)) / error)
    assert stats["p_target_reached"] == pytest.approx(reached, abs=1e-5)

    net, error = last_effect(cells, Log())
    assert stats["did_relative"] == pytest.approx(np.expm1(net), abs=1e-6)
    assert stats["did_relative_ci95"] == pytest.approx(
        [np.expm1(net - 1.959964 * error), np.expm1(net + 1.959964 * error)], rel=1e-5, abs=1e-5
    )
    reached = norm.cdf((net - np.log(1.15)) / error)
    assert stats["did_p_target_reached"] == pytest.approx(reached, abs=1e-6)

    points, error = last_effect(cells, Identity())
    assert stats["did_points"] == pytest.approx(100 * points, abs=1e-6)
    assert stats["did_z"] == pytest.approx(points / error, rel=1e-5, abs=1e-6)
    assert stats["did_points_ci95"] == pytest.approx(
        [100 * (points - 1.959964 * error), 100 * (points + 1.959964 * error)], abs=1e-5
    )
