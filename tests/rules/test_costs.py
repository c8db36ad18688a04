"""Hours into money: the loaded hour, the pay table, the cost of a meeting."""

from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.costs import (
    Attendance,
    PayRate,
    PayTable,
    cost_of_hours,
    loaded_hour,
    parse_pay_table,
)
from rules.money import Money
from rules.yaml_file import FileProblem
from tests.rules.worked_cases import CONFIG, oracle, step, story

RETRO_DAY = date(2026, 9, 21)
ROLES = {
    "p_cmo": "cmo",
    "p_acq": "acquisition",
    "p_sdr": "sdr",
    "p_des": "designer",
    "p_cop": "copywriter",
    "p_sup": "support",
    "p_mkt": "marketer",
}


@cache
def shipped_table() -> PayTable:
    return parse_pay_table((CONFIG / "pay.yaml").read_text(encoding="utf-8"), "pay.yaml")


def pay(gross: str, contributions: str, *, since: date = date(2026, 1, 1), **who: str) -> PayRate:
    return PayRate(
        role=who.get("role", "designer"),
        person=who.get("person"),
        gross_month=Decimal(gross),
        contributions_month=Decimal(contributions),
        valid_from=since,
    )


def table(*rates: PayRate) -> PayTable:
    return shipped_table().model_copy(update={"rates": rates})


def euros(cost_table: PayTable, *attended: Attendance, on: date = RETRO_DAY) -> Decimal | None:
    total = cost_of_hours(attended, cost_table, on).total
    return total.amount if total else None


@pytest.mark.requirement("F33")
def test_the_storys_meeting_costs_371_euros_10(shared: Path) -> None:
    case = step(shared, "S02")
    hours = Decimal(str(case["input"]["hours_each"]))
    attended = [
        Attendance(person, ROLES[person], hours) for person in case["input"]["participants"]
    ]
    cost = cost_of_hours(attended, shipped_table(), RETRO_DAY)
    assert cost.total == Money(Decimal(str(case["expect"]["meeting_cost_eur"])), "EUR")
    assert cost.missing == ()


@pytest.mark.requirement("F33")
def test_the_storys_work_costs_624_euros_35(shared: Path) -> None:
    case = step(shared, "S16")
    attended = [
        Attendance(work["person"], ROLES[work["person"]], Decimal(str(work["hours"])))
        for work in case["input"]["work_hours"]
    ]
    assert euros(shipped_table(), *attended) == Decimal(str(case["expect"]["cost_work_eur"]))


@pytest.mark.requirement("F33")
def test_the_shipped_bands_hold_the_loaded_hours_of_the_story(shared: Path) -> None:
    cost_table = shipped_table()
    for person in story(shared)["people"]:
        rate = cost_table.rate(person["id"], ROLES[person["id"]], RETRO_DAY)
        assert rate is not None
        hour = loaded_hour(rate, cost_table.hours_per_year)
        assert hour == Decimal(str(person["loaded_hour_eur_1607"]))


@pytest.mark.requirement("F33")
def test_a_cadre_on_5000_costs_54_euros_05_an_hour(shared: Path) -> None:
    case = oracle(shared, "fr_5000_cadre")
    gross, contributions = str(case["input"]["gross"]), str(case["input"]["contributions"])
    month = Decimal(gross) + Decimal(contributions)
    assert month == Decimal(str(case["expected"]))
    assert loaded_hour(pay(gross, contributions), 1607) == Decimal("54.05")


@pytest.mark.requirement("F33")
def test_half_a_cent_is_rounded_up() -> None:
    # 1,006 x 12 / 1,600 is 7.545: a tie, which 1,607 hours and whole cents never give.
    assert loaded_hour(pay("1006.00", "0"), 1600) == Decimal("7.55")


@pytest.mark.requirement("F33")
def test_only_the_sum_is_told() -> None:
    attended = [Attendance("p_des", "designer", Decimal(2))]
    assert "3000" not in repr(shipped_table())
    assert "1308" not in repr(shipped_table())
    cost = cost_of_hours(attended, shipped_table(), RETRO_DAY)
    assert repr(cost) == "Cost(total=Money(amount=Decimal('64.34'), currency='EUR'), missing=())"


def test_a_guest_without_a_rate_costs_what_the_role_band_does() -> None:
    cost_table = table(pay("3000", "1308.08"), pay("6000", "2669.20", person="p_des"))
    assert euros(cost_table, Attendance("p_guest", "designer", Decimal(1))) == Decimal("32.17")
    assert euros(cost_table, Attendance("p_des", "designer", Decimal(1))) == Decimal("64.74")


def test_missing_rates_are_named_and_leave_no_total() -> None:
    attended = [
        Attendance("p_des", "designer", Decimal(1)),
        Attendance("p_pho", "photographer", Decimal(1)),
        Attendance("p_leg", "lawyer", Decimal(1)),
    ]
    cost = cost_of_hours(attended, shipped_table(), RETRO_DAY)
    assert cost.total is None
    assert cost.missing == ("p_pho (photographer)", "p_leg (lawyer)")


def test_the_rate_is_that_of_the_day() -> None:
    raised = date(2026, 7, 1)
    cost_table = table(pay("3200", "1400", since=raised), pay("3000", "1308.08"))
    hour = Attendance("p_des", "designer", Decimal(1))
    assert euros(cost_table, hour, on=date(2026, 6, 30)) == Decimal("32.17")
    assert euros(cost_table, hour, on=raised) == Decimal("34.35")
    assert euros(cost_table, hour, on=date(2025, 12, 31)) is None


def test_nobody_costs_nothing() -> None:
    assert cost_of_hours([], shipped_table(), RETRO_DAY).total == Money(Decimal("0.00"), "EUR")


@pytest.mark.parametrize("hours", ["0", "-1"])
def test_hours_nobody_gave_are_refused(hours: str) -> None:
    with pytest.raises(ValueError, match="p_des must attend for more than"):
        Attendance("p_des", "designer", Decimal(hours))


@given(st.lists(st.sampled_from(sorted(ROLES.items())), min_size=1), st.integers(1, 40))
def test_quarter_hours_add_up_whatever_the_order(people: list[tuple[str, str]], n: int) -> None:
    attended = [Attendance(person, role, Decimal(n) / 4) for person, role in people]
    there = euros(shipped_table(), *attended)
    assert there == euros(shipped_table(), *reversed(attended))
    more = Attendance("p_cmo", "cmo", Decimal(1))
    assert there is not None
    assert euros(shipped_table(), *attended, more) == there + Decimal("64.74")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("gross_month: 6000.00", "gros_month: 6000.00", "did you mean gross_month?"),
        (
            "gross_month: 6000.00",
            "gross_month: -1",
            "pay.yaml:11: rates[0].gross_month: must be more than 0",
        ),
        (
            "valid_from: 2026-01-01",
            "valid_from: soon",
            "pay.yaml:11: rates[0].valid_from: soon cannot be: expected",
        ),
        ("hours_per_year: 1607", "", "hours_per_year is missing"),
    ],
)
def test_a_wrong_pay_table_is_refused_by_line_and_field(before: str, after: str, told: str) -> None:
    text = (CONFIG / "pay.yaml").read_text(encoding="utf-8").replace(before, after, 1)
    with pytest.raises(FileProblem) as caught:
        parse_pay_table(text, "pay.yaml")
    assert told in str(caught.value)
