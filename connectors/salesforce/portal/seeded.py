"""Fills an org with records that are the same for the same seed."""

from datetime import UTC, datetime, timedelta
from random import Random

from connectors.salesforce.portal import company
from connectors.salesforce.portal.ids import long, numbered
from connectors.salesforce.portal.org import Org
from connectors.salesforce.portal.store import Entry, Values, stamp

DAY = 86_400.0
SPAN = 200 * DAY
LONG_AGO = 2 * DAY
# Every so many records were written by one import, within one second.
IMPORT_EVERY, IMPORTED = 40, 12
PATHS = (
    ("Prospecting",),
    ("Prospecting", "Qualification"),
    ("Prospecting", "Proposal", "Closed Won"),
    ("Prospecting", "Pilot", "Closed Lost"),
)


def fill(org: Org) -> None:
    _reference(org)
    if org.options.records == 0:
        return
    random = Random(org.options.seed)  # noqa: S311 - repeatable data is the point
    now = org.clock.seconds()
    begun, count = now - SPAN, org.options.records
    campaigns = [_campaign(org, now, *one) for one in company.CAMPAIGNS]
    deals = [_deal(org, random, begun, number, campaigns) for number in range(count)]
    leads = [_lead(org, random, begun, number, deals) for number in range(count // 2)]
    for number in range(3):
        gone = _deal(org, random, begun, count + number, campaigns)
        org.delete("Opportunity", gone, now - LONG_AGO)
    for number, lead in enumerate(leads):
        _member(org, now, number, campaigns[number % len(campaigns)], lead)
    for number in range(5):
        values = {"Subject": f"Call back {number}", "Description": "Nobody's key"}
        _seeded(org, "Task", {**values, "IsClosed": False}, now - LONG_AGO)


def _reference(org: Org) -> None:
    at = org.clock.seconds() - SPAN
    users = org.store("User")
    for number, name, active, zone, forecasts, user_type in company.USERS:
        email = f"user{number}@acme.example"
        values = {"Name": name, "Email": email, "IsActive": active, "UserType": user_type}
        values |= {"TimeZoneSidKey": zone, "ForecastEnabled": forecasts}
        users.add(values, at, id_=numbered("User", number))
    for sort, (value, label, closed, won, probability, category, active) in enumerate(
        company.STAGES
    ):
        kind = {"IsClosed": closed, "IsWon": won, "IsActive": active}
        more = {"DefaultProbability": probability, "ForecastCategoryName": category}
        words = {"ApiName": value, "MasterLabel": label, "SortOrder": sort}
        org.store("OpportunityStage").add({**words, **kind, **more}, at)
    for sort, (value, converted) in enumerate(company.LEAD_STATUSES):
        words = {"ApiName": value, "MasterLabel": value, "SortOrder": sort}
        org.store("LeadStatus").add({**words, "IsConverted": converted, "IsDefault": not sort}, at)
    for sort, (value, closed, default) in enumerate(company.TASK_STATUSES):
        words = {"ApiName": value, "MasterLabel": value, "SortOrder": sort}
        org.store("TaskStatus").add({**words, "IsClosed": closed, "IsDefault": default}, at)
    for id_, name, of_money, active in company.FORECASTS if org.options.quotas else ():
        words = {"DeveloperName": name, "MasterLabel": name, "IsActive": active}
        of = {"IsAmount": of_money, "IsQuantity": not of_money}
        org.store("ForecastingType").add({**words, **of}, at, id_=id_)
    about = {"Name": "Acme", "OrganizationType": org.options.organization_type}
    about |= {"InstanceName": "EU99"}
    org.store("Organization").add({**about, "IsSandbox": True}, at, id_=org.id)


def _seeded(org: Org, kind: str, values: Values, at: float) -> Entry:
    """Before now, so past the rules of a new record."""
    owner = numbered("User", 1 + int(at) % 4)
    empty = dict.fromkeys(org.columns[kind])
    defaults = {"Task": {"Status": "Not Started", "Priority": "Normal"}}.get(kind, {})
    money = {"CurrencyIsoCode": "EUR"} if "CurrencyIsoCode" in org.columns[kind] else {}
    held = {**empty, "OwnerId": owner, **defaults, **money, **values}
    return org.store(kind).add(held, at)


def _moment(random: Random, begun: float, number: int) -> float:
    if number % IMPORT_EVERY < IMPORTED:
        return float(int(begun + (number // IMPORT_EVERY + 1) * DAY % SPAN))
    return begun + random.randrange(1, int(SPAN - LONG_AGO - DAY))


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _campaign(
    org: Org, now: float, name: str, ago: int, days: int | None, cost: float | None
) -> Entry:
    begun = datetime.fromtimestamp(now - ago * DAY, UTC).date()
    values = {
        "Name": name,
        "IsActive": True,
        "StartDate": begun.isoformat(),
        "EndDate": None if days is None else (begun + timedelta(days=days)).isoformat(),
        "ActualCost": cost,
        "BudgetedCost": None if cost is None else cost * 2,
    }
    return _seeded(org, "Campaign", values, now - (ago + 3) * DAY)


def _deal(org: Org, random: Random, begun: float, number: int, campaigns: list[Entry]) -> Entry:
    at = _moment(random, begun, number)
    path = PATHS[number % len(PATHS)]
    moves = [(at + step * 5400.0, stage) for step, stage in enumerate(path)]
    last, stage = moves[-1]
    closed, won, probability, category = company.stage(stage)
    amount = float(f"{random.randrange(100, 50_000)}.{number % 100:02}") if number % 9 else None
    custom = {name: f"{name[:3]}-{number % 3}" for name in org.options.custom if number % 4}
    values = {
        "Name": f"Deal {number} «é» o'clock",
        "Amount": amount,
        "StageName": stage,
        "CloseDate": _day(last if closed else last + 30 * DAY),
        "LeadSource": company.SOURCES[number % len(company.SOURCES)],
        "CampaignId": campaigns[number % len(campaigns)].id if number % 3 else None,
        "IsClosed": closed,
        "IsWon": won,
        "Probability": probability,
        "ForecastCategoryName": category,
        **custom,
    }
    entry = _seeded(org, "Opportunity", values, at)
    entry.values["SystemModstamp"] = stamp(last)
    history = org.store("OpportunityHistory")
    for moved, to in moves:
        row = {"OpportunityId": entry.id, "StageName": to, "Amount": amount}
        history.add(row, moved)
    # A row that is no move.
    history.add({"OpportunityId": entry.id, "StageName": stage, "Amount": 1.0}, last + 60)
    return entry


def _lead(org: Org, random: Random, begun: float, number: int, deals: list[Entry]) -> Entry:
    at = _moment(random, begun, number)
    converted, lost = number % 5 == 3, number % 5 == 4
    status = 2 if converted else 3 if lost else number % 2
    values = {
        "FirstName": f"First{number}" if number % 7 else None,
        "LastName": f"Last{number}",
        "Company": f"Customer {number % 50}",
        "Email": f"person{number}@customer.example",
        "Status": company.LEAD_STATUSES[status][0],
        "LeadSource": company.SOURCES[number % len(company.SOURCES)],
        "IsConverted": converted,
        "ConvertedDate": _day(at + DAY) if converted else None,
        "ConvertedContactId": long(f"003Qy{number:010}") if converted else None,
        "ConvertedOpportunityId": deals[number % len(deals)].id if converted else None,
    }
    name = f"First{number} Last{number}" if number % 7 else f"Last{number}"
    return _seeded(org, "Lead", {**values, "Name": name}, at)


def _member(org: Org, now: float, number: int, campaign: Entry, lead: Entry) -> None:
    at = now - (1 + number % 60) * DAY
    answered = number % 3 == 0
    values = {
        "CampaignId": campaign.id,
        "LeadId": lead.id,
        "Status": "Responded" if answered else "Sent",
        "HasResponded": answered,
        "FirstRespondedDate": _day(at + DAY) if answered else None,
    }
    _seeded(org, "CampaignMember", values, at)
