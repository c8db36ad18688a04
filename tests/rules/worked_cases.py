"""Readers of the worked cases, and the small values most of these tests start from."""

import json
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rules.kpi_catalogue import Catalogue, Measure, parse_catalogue
from rules.kpis import KpiValue, Measures, Period, kpi_value
from rules.money import ExchangeRates, Money
from rules.recheck import Control, Recheck, recheck
from rules.targets import Target, freeze_baseline, relative_target

PARIS = ZoneInfo("Europe/Paris")
CONFIG = Path(__file__).resolve().parent.parent.parent / "config"
EURO = ExchangeRates("EUR", date(2026, 9, 20), {})
EMAIL = "transactional_email_click_rate"

# The funnel of the story, step S01.
FUNNEL = {
    Measure.IMPRESSIONS: 50_000,
    Measure.CLICKS: 2_100,
    Measure.SESSIONS: 1_932,
    Measure.FORM_STARTS: 556,
    Measure.LEADS: 200,
    Measure.QUALIFIED_LEADS: 100,
}
SPEND = (Money(Decimal("6000.00"), "EUR"),)


def oracle(shared: Path, name: str) -> dict[str, Any]:
    cases = json.loads((shared / "cases" / "stat_oracles.json").read_text(encoding="utf-8"))
    return next(case for case in cases["oracles"] if case["id"] == name)


def story(shared: Path) -> dict[str, Any]:
    text = (shared / "cases" / "story.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def step(shared: Path, name: str) -> dict[str, Any]:
    return next(step for step in story(shared)["steps"] if step["id"] == name)


@cache
def shipped_catalogue() -> Catalogue:
    return parse_catalogue((CONFIG / "kpis.yaml").read_text(encoding="utf-8"), "kpis.yaml")


def measures(
    counts: dict[Measure, int],
    *,
    spend: tuple[Money, ...] = (),
    period: Period | None = None,
    as_of: datetime | None = None,
    complete: bool = True,
) -> Measures:
    return Measures(
        period=period or Period(date(2026, 9, 1), date(2026, 9, 21)),
        slice={"campaign": "C-2026-09-acquisition"},
        counts=counts,
        spend=spend,
        complete=complete,
        as_of=as_of or datetime(2026, 9, 21, 6, tzinfo=PARIS),
    )


def email_rate(clicked: int, delivered: int, *, complete: bool = True) -> KpiValue:
    counts = {Measure.EMAILS_CLICKED: clicked, Measure.EMAILS_DELIVERED: delivered}
    return kpi(EMAIL, measures(counts, complete=complete))


def kpi(code: str, counted: Measures, exchange: ExchangeRates = EURO) -> KpiValue:
    return kpi_value(shipped_catalogue().by_code()[code], counted, exchange)


def values(counted: Measures) -> dict[str, KpiValue]:
    return {each.code: kpi(each.code, counted) for each in shipped_catalogue().kpis}


def email_target(clicked: int = 1_205, delivered: int = 48_210, relative: float = 0.15) -> Target:
    """The target of the story, step S10, unless told otherwise."""
    definition = shipped_catalogue().by_code()[EMAIL]
    return relative_target(definition, freeze_baseline(email_rate(clicked, delivered)), relative)


def invoices(before: KpiValue | None = None, after: KpiValue | None = None) -> Control:
    """The control group of the story, step S15, unless told otherwise."""
    return Control(
        "e-mails de facture, inchangés",
        before or email_rate(930, 30_000),
        after or email_rate(966, 30_960),
    )


def storys_recheck() -> Recheck:
    return recheck(email_target(), email_rate(1_487, 51_300), invoices())
