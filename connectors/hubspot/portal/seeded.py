"""Fills an account with records that are the same for the same seed."""

from random import Random

from connectors.hubspot.portal import company
from connectors.hubspot.portal.account import Account
from connectors.hubspot.portal.store import Entry, iso

DAY = 86_400.0
SPAN = 200 * DAY
# Every so many records were written by one import, within one millisecond.
IMPORT_EVERY, IMPORTED = 40, 12
LONG_AGO = 2 * DAY


def fill(account: Account) -> None:
    random = Random(account.options.seed)  # noqa: S311 - repeatable data is the point
    now = account.clock.seconds()
    begun = now - SPAN
    count = account.options.records
    contacts = [_contact(account, random, begun, number) for number in range(max(1, count // 2))]
    leads = [_lead(account, random, begun, number, contacts) for number in range(count // 2)]
    for number in range(count):
        _deal(account, random, begun, number, contacts, leads)
    for number in range(3):
        gone = _deal(account, random, begun, count + number, contacts, leads)
        account.stores["deals"].archive(gone, now - LONG_AGO)
    for number in range(5):
        account.stores["tasks"].add(
            {
                "hs_task_subject": f"Call back {number}",
                "hs_task_body": "<p>Nobody's key</p>",
                "hs_task_status": "NOT_STARTED",
                "hs_task_type": "CALL",
                "hs_timestamp": iso(now + number * DAY),
                "hubspot_owner_id": "5003",
            },
            now - LONG_AGO,
        )
    account.stores["goal_targets"].add(
        {
            "hs_goal_name": "Revenue",
            "hs_goal_type": "revenue",
            "hs_milestone": "yearly",
            "hs_target_amount": "500000",
            "hs_start_datetime": "2026-01-01T00:00:00.000Z",
            "hs_end_datetime": "2026-12-31T23:59:59.999Z",
            "hs_group_correlation_uuid": "family-1",
            "hs_goal_target_group_id": "group-1",
            "hs_kpi_metric_type": "SUM",
            "hs_kpi_unit_type": "currency",
            "hs_kpi_object_type_id": "0-3",
            "hs_kpi_property_name": "amount",
            "hs_template_id": "4",
            "hubspot_owner_id": "5001",
        },
        now - LONG_AGO,
    )


def _moment(random: Random, begun: float, number: int) -> float:
    if number % IMPORT_EVERY < IMPORTED:
        return begun + (number // IMPORT_EVERY + 1) * DAY % SPAN
    return begun + random.randrange(1, int(SPAN - LONG_AGO) * 1000) / 1000


def _contact(account: Account, random: Random, begun: float, number: int) -> Entry:
    campaign = ("brand_q3", "rentr%C3%A9e", "", "")[number % 4]
    query = f"?utm_source=google&utm_medium=cpc&utm_campaign={campaign}" if campaign else ""
    values = {
        "firstname": f"First{number}" if number % 7 else None,
        "lastname": f"Last{number}" if number % 7 else None,
        "email": f"person{number}@customer.example",
        "company": f"Customer {number % 50}",
        "hs_analytics_source": company.SOURCES[number % len(company.SOURCES)],
        "hs_analytics_first_url": f"https://shop.example/start{query}",
    }
    return account.stores["contacts"].add(values, _moment(random, begun, number))


def _walk(
    account: Account, entity: str, entry: Entry, stages: list[str], begun: float, step: float
) -> None:
    """Moves of a record before now, with their history and no lag."""
    name = company.STAGE_PROPERTY[entity]
    moves = [(begun + number * step, stage) for number, stage in enumerate(stages)]
    entry.history[name] = [(at, stage) for at, stage in moves]
    last, stage = moves[-1]
    entry.values[name] = stage
    entry.updated = last
    entry.values[account.stores[entity].modified] = iso(last)
    for at, moved in moves:
        account.entered(entity, entry, moved, at)


def _lead(
    account: Account, random: Random, begun: float, number: int, contacts: list[Entry]
) -> Entry:
    at = _moment(random, begun, number)
    values = {
        "hs_lead_name": f"Lead {number}",
        "hs_pipeline": "lead-pipeline-id",
        "hubspot_owner_id": company.OWNERS[number % 4][0],
        "hs_analytics_source": company.SOURCES[number % len(company.SOURCES)],
        "retro_region": ("EMEA", "APAC", None)[number % 3],
    }
    entry = account.stores["leads"].add(values, at)
    stages = ["new-stage-id", "connected-stage-id", "qualified-stage-id"][: 1 + number % 3]
    if number % 5 == 4:
        stages = ["new-stage-id", "unqualified-stage-id"]
    _walk(account, "leads", entry, stages, at, 3600.0)
    account.link("leads", entry.id, "contacts", contacts[number % len(contacts)].id, 578)
    return entry


def _deal(
    account: Account,
    random: Random,
    begun: float,
    number: int,
    contacts: list[Entry],
    leads: list[Entry],
) -> Entry:
    at = _moment(random, begun, number)
    pipeline = "740012" if number % 6 == 5 else "default"
    values = {
        "dealname": f"Deal {number} «é»",
        "amount": f"{random.randrange(100, 50_000)}.{number % 100:02}" if number % 9 else None,
        "deal_currency_code": "USD" if number % 4 == 3 else None,
        "pipeline": pipeline,
        "hubspot_owner_id": company.OWNERS[number % len(company.OWNERS)][0],
        "hs_analytics_source": company.SOURCES[number % len(company.SOURCES)],
        "utm_campaign_first": ("brand_q3", None)[number % 2],
        "retro_region": ("EMEA", "APAC")[number % 2],
        "retro_seats": str(number % 30),
        "retro_urgent": "true" if number % 3 == 0 else "false",
    }
    entry = account.stores["deals"].add(values, at)
    ids = [stage[0] for stage in company.DEAL_STAGES[pipeline]]
    lost = [ids[0], ids[-1]]
    stages = [ids[:1], ids[:2], ids[:-1], lost][number % 4]
    _walk(account, "deals", entry, stages, at, 5400.0)
    account.settle_deal(entry, closed_at=entry.updated)
    for contact in {number % len(contacts), (number * 7) % len(contacts)}:
        account.link("deals", entry.id, "contacts", contacts[contact].id, 3)
    if leads and number % 5 == 0:
        account.link("leads", leads[number % len(leads)].id, "deals", entry.id, 1037)
    return entry
