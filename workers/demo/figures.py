"""The files that the team drops into its folder: campaigns, forms and e-mails by day."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from workers.demo.counts import StoryCounts
from workers.demo.days import CampaignDays, FunnelDay, campaign_days
from workers.demo.emails import EmailDay, email_days
from workers.demo.moments import local
from workers.demo.sheets import Cell, Sheet, csv_bytes, put_file, xlsx_bytes
from workers.demo.world import Campaign, World, load_world

CAMPAIGN_HEADERS = ("Jour", "Campagne", "Impressions", "Clics", "Sessions", "Dépenses", "Devise")
FORM_HEADERS = (
    "Jour",
    "Campagne",
    "Vues du formulaire",
    "Débuts de formulaire",
    "Formulaires envoyés",
)
# "Envois" are e-mails sent, which are not e-mails delivered.
EMAIL_HEADERS = ("Jour", "Campagne", "Groupe", "Envois", "Délivrés", "Ouverts", "Clics")
FORM_FILE = "formulaires.xlsx"
EVENING = (23, 30)


def write_figures(folder: Path, counts: StoryCounts, seed: int, until: date) -> list[Path]:
    """The files as they lie in the folder on the morning of `until`, with all days before it.

    Their time of modification is the evening on which they were last saved, Paris time: for a
    month that is over the one after its last day, or after which a figure of it was corrected;
    else the evening before `until`.
    """
    world = load_world()
    folder.mkdir(parents=True, exist_ok=True)
    days = campaign_days(world, counts, seed, until)
    emails = email_days(world, counts.emails, seed, until)
    written = [_put(folder / FORM_FILE, xlsx_bytes(_forms(days)), until)]
    for month in _months(world.figures_since, until):
        written.append(_write_campaigns(folder, world, days, month, until))
        written.append(_write_emails(folder, world, emails, month, until))
    return written


def _write_campaigns(
    folder: Path, world: World, days: CampaignDays, month: date, until: date
) -> Path:
    end = _next(month)
    corrections = [
        each for each in world.corrections if month <= each.day < end and each.known_on <= until
    ]
    more = {(each.campaign, each.day): each.clicks for each in corrections}
    rows = []
    for campaign, each in _by_day(days):
        if month <= each.day < end:
            clicks = each.clicks + more.get((campaign.name, each.day), 0)
            rows.append(_campaign_row(campaign, replace(each, clicks=clicks)))
    saved_before = max(min(until, end), *(each.known_on for each in corrections), month)
    path = folder / f"campagnes-{month:%Y-%m}.csv"
    return _put(path, csv_bytes(Sheet("Campagnes", CAMPAIGN_HEADERS, rows)), saved_before)


def _campaign_row(campaign: Campaign, day: FunnelDay) -> Sequence[Cell]:
    figures = (day.impressions, day.clicks, day.sessions, day.spend)
    return (day.day, campaign.name, *figures, "EUR")


def _forms(days: CampaignDays) -> Sheet:
    with_form = [(campaign, each) for campaign, each in days if any(day.views for day in each)]
    counted = [
        (campaign.name, each.day, (each.views, each.starts, each.completions))
        for campaign, each in _by_day(with_form)
    ]
    return Sheet(
        name="Formulaires",
        headers=FORM_HEADERS,
        rows=[(day, name, *figures) for name, day, figures in counted],
        title="Suivi des formulaires du site",
        totals=[None, "Total", *map(sum, zip(*(row[2] for row in counted), strict=True))],
    )


def _write_emails(
    folder: Path, world: World, emails: Sequence[EmailDay], month: date, until: date
) -> Path:
    end = _next(month)
    rows = [_email_row(each) for each in emails if month <= each.day < end]
    sheet = Sheet("E-mails", EMAIL_HEADERS, rows)
    path = folder / f"emails-{month:%Y-%m}.csv"
    if month < world.mailings.excel_since:
        return _put(path, csv_bytes(sheet), min(until, end))
    return _put(path.with_suffix(".xlsx"), xlsx_bytes(sheet), min(until, end))


def _email_row(day: EmailDay) -> Sequence[Cell]:
    figures = (day.sent, day.delivered, day.opened, day.clicked)
    return (day.day, day.campaign, day.group, *figures)


def _by_day(days: CampaignDays) -> list[tuple[Campaign, FunnelDay]]:
    pairs = [(campaign, each) for campaign, listed in days for each in listed]
    return sorted(pairs, key=lambda pair: pair[1].day)


def _put(path: Path, content: bytes, saved_before: date) -> Path:
    put_file(path, content, local(saved_before - timedelta(days=1), *EVENING))
    return path


def _months(since: date, until: date) -> Iterator[date]:
    month = since.replace(day=1)
    while month < until:
        yield month
        month = _next(month)


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)
