"""Fills a company from a seed: the same seed, the same rows."""

import uuid
from datetime import UTC, datetime
from itertools import pairwise
from random import Random
from typing import Any

from connectors.pipedrive.portal.company import ME, Company, Row
from connectors.pipedrive.portal.options import SandboxOptions
from connectors.sandbox.clock import Clock

FIRST = int(datetime(2026, 3, 2, 8, 0, tzinfo=UTC).timestamp())
SPAN = 250 * 86400
DAY = 86400
# Seconds from when UUIDs count to when clocks do.
GREGORIAN = 12_219_292_800
CUSTOM = "0123456789abcdef0123456789abcdef01234567"
MONEY = "89abcdef0123456789abcdef0123456789abcdef"
QUALIFIED = "5d1c0b4a-0000-4000-8000-000000000001"
COLD = "5d1c0b4a-0000-4000-8000-000000000002"
PIPELINES = {1: ("New business", (7, 8, 9, 10)), 2: ("Renewals", (11, 12, 13))}
STAGES = ("Contacted", "Demo scheduled", "Proposal made", "Negotiation")
SOURCES = ("Manually created", "Web form", "API", "Import", "LeadBooster")
ORIGINS = ("ManuallyCreated", "API", "Import", "WebForm")
CHANNELS = ("autumn-mailing", "brand-search", "fair-lyon", None)
CURRENCIES = ("EUR", "USD", "CHF")
KINDS = ("call", "meeting", "email", "task", "deadline")
# So many leads of an import have one moment.
IMPORT = 40
USERS = ((ME, "Account A", True), (22, "Account B", True), (23, "Account C", True))


def build(options: SandboxOptions, clock: Clock) -> Company:
    random = Random(options.seed)  # noqa: S311 - repeatable rows are the point
    company = Company(
        options=options,
        clock=clock,
        users=[*(_user(*each) for each in USERS), _user(24, "Account D", False)],
        pipelines=[_pipeline(number, name) for number, (name, _) in PIPELINES.items()],
        stages=_stages(),
        activity_types=[_kind(number, key) for number, key in enumerate(KINDS, 1)],
        currencies=[{"id": n, "code": c, "active_flag": True} for n, c in enumerate(CURRENCIES, 1)],
        deal_fields=_fields(),
    )
    many = options.records
    for number in range(1, many // 3 + 2):
        _person(company, number, random)
    for number in range(1, many // 2 + 1):
        _lead(company, number, random)
    for number in range(1, many + many // 20 + 1):
        _deal(company, number, random, extra=number > many)
    for number in range(1, many // 2 + 1):
        _activity(company, number, random)
    # Ids go on where the seed ended.
    for kind, table in (("deal", company.deals), ("activity", company.activities)):
        company.last[kind] = max([9000, *table.rows])
    return company


def _user(number: int, name: str, active: bool) -> Row:
    return {
        "id": number,
        "name": name,
        "email": f"user{number}@company.example",
        "active_flag": active,
        "is_deleted": False,
        "timezone_name": "Europe/Paris",
        "default_currency": "EUR",
    }


def _pipeline(number: int, name: str) -> Row:
    times = {"add_time": FIRST, "update_time": FIRST}
    return {"id": number, "name": name, "order_nr": number, "is_deleted": False, **times}


def _stages() -> list[Row]:
    return [
        {
            "id": stage,
            "name": STAGES[place],
            "order_nr": place + 1,
            "pipeline_id": pipeline,
            "deal_probability": 100,
            "is_deal_rot_enabled": False,
            "days_to_rotten": None,
            "is_deleted": False,
            "add_time": FIRST,
            "update_time": FIRST,
        }
        for pipeline, (_, stages) in PIPELINES.items()
        for place, stage in enumerate(stages)
    ]


def _kind(number: int, key: str) -> Row:
    return {
        "id": number,
        "name": key.capitalize(),
        "key_string": key,
        "active_flag": key != "deadline",
        "order_nr": number,
    }


def _fields() -> list[Row]:
    plain = (("title", "Title", "varchar"), ("value", "Value", "monetary"))
    own = [
        {"field_code": code, "field_name": name, "field_type": kind, "is_custom_field": False}
        for code, name, kind in plain
    ]
    return [*own, custom_field(CUSTOM, "Campaign group"), custom_field(MONEY, "Budget", "monetary")]


def custom_field(key: str, name: str, kind: str = "varchar") -> Row:
    return {"field_code": key, "field_name": name, "field_type": kind, "is_custom_field": True}


def _person(company: Company, number: int, random: Random) -> None:
    added = FIRST + random.randrange(SPAN)
    company.persons.put(
        {
            "id": number,
            "name": f"Contact {number}",
            "org_id": number // 3 or None,
            "owner_id": random.choice(USERS)[0],
            "add_time": added,
            "update_time": added + random.randrange(10 * DAY),
            "is_deleted": False,
        }
    )


def lead_id(added: int, bits: int) -> str:
    """As Pipedrive has them: UUIDs that hold the time."""
    ticks = (added + GREGORIAN) * 10**7
    low, middle, high = ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48 & 0x0FFF
    sequence, node = bits >> 48 & 0x3FFF, bits & (1 << 48) - 1
    fields = (low, middle, high, sequence >> 8, sequence & 0xFF, node)
    return str(uuid.UUID(fields=fields, version=1))


def _lead(company: Company, number: int, random: Random) -> None:
    added = FIRST + random.randrange(SPAN)
    changed = added + random.randrange(5 * DAY)
    if number <= IMPORT:
        added = changed = FIRST + 30 * DAY
    archived = number % 11 == 0
    company.leads.put(
        {
            "id": lead_id(added, random.getrandbits(128)),
            "title": f"Lead {number}",
            "owner_id": random.choice(USERS)[0],
            "creator_id": ME,
            "person_id": random.choice([None, random.randrange(1, len(company.persons.rows) + 1)]),
            "organization_id": None,
            "value": random.choice([None, {"amount": 500 * number % 9000, "currency": "EUR"}]),
            "label_ids": random.choice([[], [QUALIFIED], [COLD]]),
            "source_name": random.choice(SOURCES),
            "origin": random.choice(ORIGINS),
            "origin_id": None,
            "channel": None,
            "channel_id": random.choice(CHANNELS),
            "is_archived": archived,
            "was_seen": True,
            "expected_close_date": None,
            CUSTOM: f"group {number % 4}",
            MONEY: None,
            "add_time": added,
            "update_time": changed,
            "is_deleted": False,
        }
    )


def _deal(company: Company, number: int, random: Random, extra: bool) -> None:
    pipeline = random.choice((1, 1, 2))
    stages = PIPELINES[pipeline][1]
    added = FIRST + random.randrange(SPAN)
    reached = random.randrange(len(stages))
    at = added
    log: list[tuple[float, str, Any, Any]] = []
    for before, after in pairwise(stages[: reached + 1]):
        at += random.randrange(1, 6 * DAY)
        log.append((at, "stage_id", before, after))
    moved = at if log else None
    status = random.choice(("open", "open", "won", "lost"))
    closed = None
    if status != "open":
        closed = at = at + random.randrange(1, 6 * DAY)
        log.append((at, "status", "open", status))
    if log:
        company.changelog[number] = log
    company.deals.put(
        {
            "id": number,
            "title": f"Deal {number}",
            "value": random.choice([None, 1250.5, 99.99, 12500, 300 * number % 70_000]),
            "currency": random.choice(CURRENCIES),
            "status": status,
            "stage_id": stages[reached],
            "pipeline_id": pipeline,
            "owner_id": random.choice(USERS)[0],
            "person_id": random.randrange(1, len(company.persons.rows) + 1),
            "org_id": None,
            "add_time": added,
            "update_time": at + random.randrange(2 * DAY),
            "stage_change_time": moved,
            "won_time": closed if status == "won" else None,
            "lost_time": closed if status == "lost" else None,
            "close_time": closed,
            "lost_reason": None,
            "expected_close_date": None,
            "origin": random.choice(ORIGINS),
            "channel_id": random.choice(CHANNELS),
            "source_lead_id": None,
            # The last ones are deleted, and a twentieth is archived.
            "is_archived": not extra and number % 20 == 0,
            "is_deleted": extra,
            "custom_fields": {CUSTOM: f"group {number % 4}", MONEY: None},
        }
    )


def _activity(company: Company, number: int, random: Random) -> None:
    kind = random.choice(KINDS[:4])
    added = FIRST + random.randrange(SPAN)
    done = random.random() < 0.6
    at_lead = number % 4 == 0
    leads = list(company.leads.rows) if at_lead and number < 400 else []
    finished = added + random.randrange(3 * DAY)
    due = datetime.fromtimestamp(added + DAY, UTC)
    company.activities.put(
        {
            "id": number,
            "subject": f"{kind.capitalize()} {number}",
            "type": kind,
            "owner_id": random.choice(USERS)[0],
            "deal_id": random.randrange(1, len(company.deals.rows) + 1)
            if not leads and number % 9
            else None,
            "lead_id": random.choice(leads) if leads else None,
            "person_id": None,
            "org_id": None,
            "due_date": due.date().isoformat(),
            "due_time": random.choice([None, "08:30:00"]),
            "duration": None,
            "done": done,
            "marked_as_done_time": finished if done else None,
            "note": random.choice([None, "Called back<br>No answer"]),
            "public_description": None,
            "priority": None,
            "participants": [],
            "add_time": added,
            "update_time": finished,
            "is_deleted": False,
        }
    )
