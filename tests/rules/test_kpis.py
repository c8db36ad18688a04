"""KPI values: figures, what they lack, and what they are shown as."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from rules.figure_words import certainty_words
from rules.kpi_catalogue import Family, Measure
from rules.kpis import (
    Flag,
    Period,
    Reason,
    crossing,
    flagged,
    kpi_value,
    to_json,
)
from rules.money import ExchangeRates, MissingRate, Money, total
from rules.proportions import Certainty
from tests.rules.worked_cases import (
    EURO,
    FUNNEL,
    PARIS,
    SPEND,
    kpi,
    measures,
    shipped_catalogue,
    step,
    values,
)


@pytest.mark.requirement("F18")
@pytest.mark.requirement("F28")
def test_the_storys_rates_come_out_with_their_own_denominators(shared: Path) -> None:
    expected = step(shared, "S01")["expect"]["kpis"]
    computed = values(measures(FUNNEL, spend=SPEND))
    for code, figures in expected.items():
        value = computed[code]
        assert (value.numerator, value.denominator) == (
            figures["numerator"],
            figures["denominator"],
        )
        assert value.value == pytest.approx(figures["value"], abs=1e-4)
        assert value.interval is not None
        bounds = [value.interval.low, value.interval.high]
        assert bounds == pytest.approx(figures["wilson95"], abs=1e-4)
    assert expected.keys() < computed.keys()


@pytest.mark.requirement("F21")
def test_the_storys_qualified_lead_costs_60_euros(shared: Path) -> None:
    expected = step(shared, "S01")["expect"]["cpql_eur"]
    value = kpi("cost_per_qualified_lead", measures(FUNNEL, spend=SPEND))
    assert value.value == Decimal(str(expected)) == 60
    assert (value.unit, value.numerator, value.denominator) == ("EUR", 6000, 100)
    assert value.interval is None


@pytest.mark.requirement("F21")
@pytest.mark.parametrize(
    ("spend", "qualified", "cost"), [(10_000, 500, 20), (10_000, 200, 50), (1_200, 60, 20)]
)
def test_the_cost_per_qualified_lead_equals_the_published_examples(
    spend: int, qualified: int, cost: int
) -> None:
    counted = measures({Measure.QUALIFIED_LEADS: qualified}, spend=(Money(Decimal(spend), "EUR"),))
    assert kpi("cost_per_qualified_lead", counted).value == cost


@pytest.mark.requirement("F20")
def test_the_storys_flag_says_that_the_interval_still_touches_the_floor(shared: Path) -> None:
    (expected,) = step(shared, "S01")["expect"]["flags"]
    definition = shipped_catalogue().by_code()[expected["kpi"]]
    value = kpi(expected["kpi"], measures(FUNNEL))
    seen = crossing(definition, value)
    assert seen is not None
    assert seen.p_one_sided == pytest.approx(expected["p_below_floor_one_sided"], rel=0.01)
    assert certainty_words(seen, "en") == expected["certainty"]
    assert certainty_words(seen, "fr") == "probable : l'intervalle à 95 % touche encore 40 %"
    assert flagged(value, "R01", seen).flag == Flag("R01", Certainty.PROBABLE)


def test_the_other_certainties_say_what_they_rest_on() -> None:
    definition = shipped_catalogue().by_code()["form_completion"]
    words = []
    for leads in (39, 10):
        counts = {Measure.LEADS: leads, Measure.FORM_STARTS: 100}
        seen = crossing(definition, kpi("form_completion", measures(counts)))
        assert seen is not None
        words += [certainty_words(seen, "en"), certainty_words(seen, "fr")]
    assert words == [
        "possible: chance alone gives such a figure in 46.2 % of periods at 40 %",
        "possible : le hasard seul donne un tel chiffre dans 46,2 % des périodes à 40 %",
        "certain: the whole 95 % interval lies under 40 %",
        "certain : tout l'intervalle à 95 % est sous 40 %",
    ]


@pytest.mark.requirement("F20")
@pytest.mark.parametrize(("starts", "crosses"), [(29, False), (30, True)])
def test_under_30_starts_nothing_is_flagged(starts: int, crosses: bool) -> None:
    definition = shipped_catalogue().by_code()["form_completion"]
    value = kpi("form_completion", measures({Measure.LEADS: 1, Measure.FORM_STARTS: starts}))
    assert value.interval is not None
    assert (crossing(definition, value) is not None) is crosses


@pytest.mark.requirement("F20")
def test_a_kpi_without_a_floor_crosses_none() -> None:
    definition = shipped_catalogue().by_code()["click_rate"]
    assert crossing(definition, kpi("click_rate", measures(FUNNEL))) is None


@pytest.mark.requirement("F20")
def test_without_a_denominator_there_is_no_value_and_no_flag() -> None:  # trap T04
    value = kpi("form_completion", measures({Measure.LEADS: 0, Measure.FORM_STARTS: 0}))
    assert (value.value, value.interval, value.flag) == (None, None, None)
    assert value.reason is Reason.NO_DENOMINATOR
    assert crossing(shipped_catalogue().by_code()["form_completion"], value) is None


@pytest.mark.requirement("F21")
def test_without_a_qualified_lead_there_is_no_cost_and_the_spend_is_shown() -> None:  # trap T05
    spend = (Money(Decimal(1200), "EUR"),)
    value = kpi("cost_per_qualified_lead", measures({Measure.QUALIFIED_LEADS: 0}, spend=spend))
    assert value.value is None
    assert value.reason is Reason.NO_QUALIFIED_LEAD
    assert (value.numerator, value.unit) == (Decimal(1200), "EUR")


def test_a_cost_per_anything_else_lacks_a_denominator() -> None:
    definition = shipped_catalogue().by_code()["cost_per_qualified_lead"]
    per_click = definition.model_copy(update={"denominator": Measure.CLICKS})
    value = kpi_value(per_click, measures({Measure.CLICKS: 0}, spend=SPEND), EURO)
    assert value.reason is Reason.NO_DENOMINATOR


@pytest.mark.requirement("F21")
def test_spend_in_two_currencies_is_added_only_at_a_known_rate() -> None:
    spend = (*SPEND, Money(Decimal(1000), "USD"))
    counted = measures({Measure.QUALIFIED_LEADS: 100}, spend=spend)
    unknown = kpi("cost_per_qualified_lead", counted)
    assert (unknown.value, unknown.reason) == (None, Reason.MISSING_RATE)
    assert unknown.missing == ("USD to EUR on 2026-09-20",)

    known = ExchangeRates("EUR", date(2026, 9, 20), {"USD": Decimal("0.90")})
    assert kpi("cost_per_qualified_lead", counted, known).value == 69


def test_spend_in_one_foreign_currency_needs_no_rate() -> None:
    counted = measures({Measure.QUALIFIED_LEADS: 50}, spend=(Money(Decimal(1000), "USD"),))
    value = kpi("cost_per_qualified_lead", counted)
    assert (value.value, value.unit) == (20, "USD")


def test_a_sum_over_an_unknown_rate_is_refused() -> None:
    with pytest.raises(MissingRate, match="USD to EUR on 2026-09-20"):
        total([Money(Decimal(1), "USD")], EURO)


@pytest.mark.parametrize(
    ("code", "counts", "missing"),
    [
        ("click_rate", {Measure.CLICKS: 5}, ("impressions",)),
        ("click_rate", {}, ("clicks", "impressions")),
        ("cost_per_qualified_lead", {Measure.QUALIFIED_LEADS: 5}, ("spend",)),
        ("cost_per_qualified_lead", {}, ("spend", "qualified_leads")),
    ],
)
def test_what_was_not_pulled_is_not_zero(
    code: str, counts: dict[Measure, int], missing: tuple[str, ...]
) -> None:
    value = kpi(code, measures(counts))
    assert (value.value, value.reason, value.missing) == (None, Reason.NOT_MEASURED, missing)


@pytest.mark.requirement("F20")
def test_more_leads_than_form_starts_are_shown_as_an_error_and_not_clipped() -> None:
    value = kpi("form_completion", measures({Measure.LEADS: 60, Measure.FORM_STARTS: 50}))
    assert value.value == pytest.approx(1.2)
    assert (value.interval, value.reason) == (None, Reason.NUMERATOR_ABOVE_DENOMINATOR)


@pytest.mark.parametrize(("day", "ripe"), [(20, False), (21, True)])
def test_qualification_ripens_30_days_after_the_period(day: int, ripe: bool) -> None:
    seen = measures(FUNNEL, as_of=datetime(2026, 10, day, 9, tzinfo=PARIS))
    assert kpi("qualified_share_of_leads", seen).ripe is ripe
    assert kpi("click_rate", seen).ripe


def test_a_period_that_still_runs_is_not_ripe() -> None:
    seen = measures(FUNNEL, as_of=datetime(2026, 9, 20, 23, 59, tzinfo=PARIS))
    assert not kpi("click_rate", seen).ripe


def test_a_pull_with_gaps_leaves_the_value_incomplete() -> None:
    assert not kpi("click_rate", measures(FUNNEL, complete=False)).complete
    assert kpi("click_rate", measures(FUNNEL)).complete


def test_an_empty_period_is_refused() -> None:
    with pytest.raises(ValueError, match="must end after it starts"):
        Period(date(2026, 9, 1), date(2026, 9, 1))


def test_the_json_of_a_value_has_the_promised_shape() -> None:
    definition = shipped_catalogue().by_code()["form_completion"]
    value = kpi("form_completion", measures(FUNNEL))
    seen = crossing(definition, value)
    assert seen is not None
    shown = to_json(flagged(value, "R01", seen))
    assert shown.pop("interval") == pytest.approx([0.3209, 0.4004], abs=1e-4)
    assert shown == {
        "code": "form_completion",
        "definition_version": 1,
        "period": ["2026-09-01", "2026-09-21"],
        "slice": {"campaign": "C-2026-09-acquisition"},
        "unit": "share",
        "numerator": 200,
        "denominator": 556,
        "value": 200 / 556,
        "complete": True,
        "ripe": True,
        "as_of": "2026-09-21T06:00:00+02:00",
        "reason": None,
        "missing": [],
        "flag": {"rule": "R01", "certainty": "probable"},
    }


def test_the_json_of_a_cost_holds_text_amounts_and_no_flag() -> None:
    shown = to_json(kpi("cost_per_qualified_lead", measures(FUNNEL, spend=SPEND)))
    assert (shown["numerator"], shown["value"], shown["unit"]) == ("6000.00", "60.00", "EUR")
    assert (shown["interval"], shown["flag"]) == (None, None)


@pytest.mark.requirement("F13")
@pytest.mark.requirement("F27")
def test_every_shipped_kpi_has_an_owner_levers_and_titles_in_both_languages() -> None:
    catalogue = shipped_catalogue()
    for each in catalogue.kpis:
        assert each.owner_role
        assert each.levers
        assert each.title.en
        assert each.title.fr
    assert {each.family for each in catalogue.kpis} >= {
        Family.CLICK,
        Family.CONVERSION,
        Family.ACQUISITION_COST,
    }
