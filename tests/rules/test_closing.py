"""What keeps a retro from being closed."""

import pytest

from rules.closing import still_missing
from tests.rules.retro_cases import SOUND, read


@pytest.mark.requirement("F71")
def test_an_observation_without_an_outcome_keeps_the_retro_open() -> None:
    retro = read(SOUND.replace("    from: O-1\n", ""))
    assert still_missing(retro, {"D-email-ctr"}, "en") == (
        "observation O-1 has no outcome: action, parked or rejected with a reason",
    )
    parked = SOUND.replace("    from: O-1\n", "").replace(
        "    kpis: [tr", "    outcome: parked\n    reason: plus tard\n    kpis: [tr"
    )
    assert still_missing(read(parked), {"D-email-ctr"}, "en") == ()
    assert still_missing(read(SOUND), {"D-email-ctr"}, "en") == ()


@pytest.mark.requirement("F04")
def test_a_decision_without_a_task_keeps_the_retro_open() -> None:
    assert still_missing(read(SOUND), (), "fr") == ("la décision D-email-ctr n'a pas de tâche",)


@pytest.mark.requirement("F01")
def test_a_retro_without_a_measurable_action_stays_open() -> None:
    text = SOUND.replace("goal: {kpi: transactional_email_click_rate, direction: increase}\n", "")
    text = text[: text.index("decisions:")]
    assert still_missing(read(text), (), "en") == (
        "it has no goal",
        "no decision has a KPI beside its owner and date",
        "observation O-1 has no outcome: action, parked or rejected with a reason",
    )
