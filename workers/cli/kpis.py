"""retro kpis."""

from datetime import date, datetime, timedelta
from typing import Any

import click

from rules.figure_words import counts, notes, percent
from rules.kpi_catalogue import KpiDefinition
from rules.kpis import KpiValue, Period, to_json
from workers import library
from workers.cli.context import json_option, opened
from workers.cli.output import Output
from workers.errors import NotThere
from workers.kpis import Figures, with_flags

NO_CAMPAIGN = {"en": "(no campaign)", "fr": "(sans campagne)"}
HEADS = {
    "en": ("KPI", "slice", "value", "95 %", "counts", ""),
    "fr": ("KPI", "tranche", "valeur", "95 %", "effectifs", ""),
}
YEARS = range(1970, 2200)
DAY = click.DateTime(["%Y-%m-%d"])


@click.command("kpis")
@click.argument("code", required=False)
@click.option("--from", "start", type=DAY, help="First day; 28 days ago by default.")
@click.option("--to", "end", type=DAY, help="First day that no longer counts; today by default.")
@click.option("--by", type=click.Choice(["campaign"]), help="A value for each.")
@json_option
def kpis_command(
    code: str | None, start: datetime | None, end: datetime | None, by: str | None, as_json: bool
) -> None:
    """KPI values with both counts, interval and completeness."""
    output = Output(as_json)
    with opened() as app:
        now = app.clock.now().astimezone(app.settings.tz)
        period = _period(now.date(), start, end)
        catalogue = library.catalogue(app.settings)
        chosen = _chosen(catalogue.by_code(), code)
        with app.database.reading() as session:
            figures = Figures(app, session, now)
            values = (
                [v for each in figures.by_campaign(chosen, period).values() for v in each]
                if by == "campaign"
                else [figures.value(definition, period) for definition in chosen]
            )
        values = with_flags(values, catalogue, library.rules_in_force(app.settings), now)
        language = app.settings.lang
    if as_json:
        output.document([to_json(value) for value in values])
        return
    titles = {each.code: getattr(each.title, language) for each in chosen}
    output.table("", HEADS[language], (_row(value, titles, language) for value in values))


def _period(today: date, start: datetime | None, end: datetime | None) -> Period:
    last = end.date() if end else today
    if not YEARS.start <= last.year < YEARS.stop:
        raise click.UsageError(f"--to lies in the year {last.year}; is another one meant?")
    first = start.date() if start else last - timedelta(days=28)
    if first.year < YEARS.start:
        raise click.UsageError(f"--from lies in the year {first.year}; is another one meant?")
    if first >= last:
        raise click.UsageError("--from must lie before --to, the first day that no longer counts")
    return Period(first, last)


def _chosen(known: dict[str, KpiDefinition], code: str | None) -> list[KpiDefinition]:
    if code is None:
        return list(known.values())
    if code not in known:
        raise NotThere(f"There is no KPI {code!r}; there are: {', '.join(known)}.")
    return [known[code]]


def _row(value: KpiValue, titles: dict[str, str], language: Any) -> tuple[Any, ...]:
    shown, interval = "–", ""
    if value.value is not None and value.interval is not None:
        shown = percent(float(value.value), language)
        interval = (
            f"{percent(value.interval.low, language)} – {percent(value.interval.high, language)}"
        )
    elif value.value is not None:
        shown = f"{value.value:.2f} {value.unit}"
    return (
        titles[value.code],
        ", ".join(each or NO_CAMPAIGN[language] for each in value.slice.values()),
        shown,
        interval,
        counts(value),
        notes(value, language),
    )
