"""A sound retro file and a hypothesis, for tests of what is read and what is refused."""

import pytest

from rules.retro_file import parse_retro
from rules.words import Retro
from rules.yaml_document import Refused

PEOPLE = {"p_cmo", "p_acq", "p_sdr", "p_des", "p_cop", "p_sup", "p_mkt"}
KPIS = {
    "click_rate",
    "form_completion",
    "lead_rate_per_impression",
    "qualified_share_of_leads",
    "transactional_email_click_rate",
}

SOUND = """\
retro: R-2026-11-23
held_at: 2026-11-23T10:00:00+01:00
goal: {kpi: transactional_email_click_rate, direction: increase}
participants: [{person: p_cmo, hours: 1.5}, {person: p_mkt, hours: 1.5}]
observations:
  - id: O-1
    text: taux de clic des e-mails transactionnels trop faible
    kpis: [transactional_email_click_rate]
decisions:
  - id: D-email-ctr
    from: O-1
    type: improve_kpi
    text: nouveau gabarit du bouton
    kpi: transactional_email_click_rate
    target_relative: 0.15
    accountable: p_mkt
    helpers: [p_des, p_cop, p_mkt]
    due_business_days: 15
"""

HYPOTHESIS = """\
hypotheses:
  - id: H-1
    from: O-1
    cause: formulaire trop long (8 champs)
    change: passons a 4 champs essentiels
    kpi: form_completion
    expected_relative: 0.22
    guardrail: qualified_share_of_leads
    guardrail_margin_points: -5.0
"""


def read(text: str) -> Retro:
    return parse_retro(text, "retro.yaml", people=PEOPLE, kpis=KPIS)


def problems(text: str) -> list[str]:
    with pytest.raises(Refused) as caught:
        read(text)
    return caught.value.problems
