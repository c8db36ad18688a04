"""Figures that change after their period was closed, and the note they leave."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from rules.figure_words import late_note
from rules.kpi_catalogue import Measure, Text
from rules.kpis import Period
from rules.late_data import late_change
from tests.rules.worked_cases import FUNNEL, PARIS, SPEND, kpi, measures, shipped_catalogue, story


def test_late_leads_change_a_closed_period_and_leave_a_note(shared: Path) -> None:  # trap T10
    assert any(trap["id"] == "T10" for trap in story(shared)["traps"])
    closed = kpi("form_completion", measures(FUNNEL))
    later = datetime(2026, 9, 24, 6, tzinfo=PARIS)
    latest = kpi("form_completion", measures({**FUNNEL, Measure.LEADS: 250}, as_of=later))
    change = late_change(closed, latest)
    assert change is not None
    assert (change.earlier, change.latest) == (closed, latest)
    title = shipped_catalogue().by_code()["form_completion"].title
    assert late_note(change, title, "en") == (
        "Form completion, 2026-09-01 to 2026-09-20: late data changed the closed period from "
        "200/556 = 36.0 % (as of 2026-09-21) to 250/556 = 45.0 % (as of 2026-09-24). "
        "This decision used the earlier figure."
    )
    assert late_note(change, title, "fr") == (
        "Taux de complétion du formulaire, du 2026-09-01 au 2026-09-20 : des données tardives "
        "ont fait passer la période close de 200/556 = 36,0 % (au 2026-09-21) à "
        "250/556 = 45,0 % (au 2026-09-24). Cette décision s'appuyait sur le premier chiffre."
    )


def test_a_note_shows_amounts_and_figures_that_are_not_there() -> None:
    counts = {Measure.QUALIFIED_LEADS: 0}
    closed = kpi("cost_per_qualified_lead", measures(counts, spend=SPEND))
    latest = kpi("cost_per_qualified_lead", measures(FUNNEL, spend=SPEND))
    change = late_change(closed, latest)
    assert change is not None
    title = Text(en="Cost", fr="Coût")
    assert "from 6000.00/0 (as of" in late_note(change, title, "en")
    assert "to 6000.00/100 = 60.00 EUR (as of" in late_note(change, title, "en")
    assert "6000.00/100 = 60,00 EUR" in late_note(change, title, "fr")
    never = late_change(kpi("cost_per_qualified_lead", measures({})), latest)
    assert never is not None
    assert "from ?/? (as of" in late_note(never, title, "en")


def test_the_same_figure_pulled_again_is_no_late_change() -> None:
    closed = kpi("form_completion", measures(FUNNEL))
    again = measures(FUNNEL, as_of=datetime(2026, 10, 1, 6, tzinfo=PARIS))
    assert late_change(closed, kpi("form_completion", again)) is None


def test_another_period_or_definition_is_not_late_data() -> None:
    closed = kpi("form_completion", measures(FUNNEL))
    others = [
        replace(closed, period=Period(date(2026, 9, 2), date(2026, 9, 21))),
        replace(closed, definition_version=2),
        replace(closed, slice={}),
        replace(closed, code="click_rate"),
    ]
    for other in others:
        with pytest.raises(ValueError, match="not one figure taken twice"):
            late_change(closed, other)
