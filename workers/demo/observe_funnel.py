"""S01 of the demo: what came in, and the KPIs of the campaign with their flags."""

from typing import Any

from connectors.models import Stream
from rules.figure_words import certainty_words
from rules.funnel import weakest_stage
from rules.kpis import KpiValue, Period, crossing
from sync.store import mirror, retros
from workers import library
from workers.app import App
from workers.demo.counts import StoryCounts
from workers.demo.words import LANGUAGES
from workers.kpis import Figures

FUNNEL = (
    "click_rate",
    "click_to_session",
    "session_to_form_start",
    "form_completion",
    "lead_rate_per_impression",
    "lead_rate_per_click",
    "qualified_share_of_leads",
)


def funnel(app: App, counts: StoryCounts) -> dict[str, Any]:
    """S01: the KPIs of the campaign over its period."""
    now = app.clock.now().astimezone(app.settings.tz)
    catalogue = library.catalogue(app.settings)
    definitions = catalogue.by_code()
    period = Period(counts.period.start, counts.period.end)
    with app.database.reading() as session:
        figures = Figures(app, session, now)
        values = {
            code: figures.value(definitions[code], period, campaign=counts.campaign)
            for code in definitions
        }
        came_in = {stream.value: mirror.count_all(session, stream) for stream in Stream}
        pipelines = mirror.count_pipelines(session)
        fired = {
            row.subject: row.rule_id
            for row in retros.evaluations(session)
            if row.event.startswith("kpi:")
        }
    weakest = weakest_stage(catalogue, values, {})
    cost = values["cost_per_qualified_lead"]
    return {
        "campaign": counts.campaign,
        "came_in": came_in,
        "pipelines": pipelines,
        "kpis": {code: _rate(values[code]) for code in FUNNEL},
        "cpql_eur": None if cost.value is None else float(cost.value),
        "flags": [
            flag
            for code in FUNNEL
            if (flag := _flag(values[code], definitions[code], fired, counts.campaign))
        ],
        "weakest_stage": weakest.code if weakest else None,
    }


def _rate(value: KpiValue) -> dict[str, Any]:
    interval = value.interval
    return {
        "numerator": value.numerator,
        "denominator": value.denominator,
        "value": value.value,
        "wilson95": [interval.low, interval.high] if interval else None,
        "complete": value.complete,
    }


def _flag(value: KpiValue, definition: Any, fired: dict[str, str], campaign: str) -> Any:
    seen = crossing(definition, value)
    rule = fired.get(f"{value.code}:{campaign}")
    if seen is None or rule is None:
        return None
    return {
        "kpi": value.code,
        "rule_fired": rule,
        "rule": f"value < {seen.floor:.2f}",
        "floor": seen.floor,
        "fired": True,
        "p_below_floor_one_sided": seen.p_one_sided,
        "certainty": certainty_words(seen, "en"),
        "in_words": {each: certainty_words(seen, each) for each in LANGUAGES},
    }
