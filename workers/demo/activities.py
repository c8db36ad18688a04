"""Calls, e-mails and meetings with leads and about deals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from connectors.bitrix24.portal.data import Row
from workers.demo.moments import SECOND, later, seeded
from workers.demo.records import Deal, Lead
from workers.demo.rows import portal_time

LEAD, DEAL = 1, 2
MEETING, CALL, EMAIL = 1, 2, 4
INCOMING, OUTGOING = 1, 2
FIRST_ID = 4001
PROVIDERS = {
    MEETING: ("CRM_MEETING", "MEETING", "Rendez-vous"),
    CALL: ("VOXIMPLANT_CALL", "CALL", "Appel"),
    EMAIL: ("CRM_EMAIL", "EMAIL", "E-mail"),
}
WAITING_CALL, WRITES_FIRST, CALLED_AGAIN, OF_DEALS = 0.3, 0.12, 0.35, 0.6


@dataclass(frozen=True)
class Contact:
    """`done` is false for what is only planned."""

    owner_type: int
    owner: Lead | Deal
    kind: int
    direction: int
    at: datetime
    created: datetime
    done: bool = True


def activity_rows(
    leads: Sequence[Lead], deals: Sequence[Deal], latest: datetime, seed: int
) -> list[Row]:
    """As `crm.activity.list`, in the order of their creation."""
    random = seeded(seed, "activities")
    found = [each for lead in leads if not lead.hidden for each in _of_lead(lead, latest, random)]
    found += [
        each
        for deal in deals
        if not deal.hidden and not deal.template and random.random() < OF_DEALS
        for each in _of_deal(deal, latest, random)
    ]
    found.sort(key=lambda contact: contact.created)
    return [_row(contact, number, random) for number, contact in enumerate(found, FIRST_ID)]


def _of_lead(lead: Lead, latest: datetime, random: Random) -> Iterator[Contact]:
    if random.random() < WRITES_FIRST:
        yield Contact(LEAD, lead, EMAIL, INCOMING, lead.created, lead.created)
    if len(lead.steps) == 1:
        if random.random() < WAITING_CALL:
            planned = lead.created + timedelta(days=2)
            yield Contact(LEAD, lead, CALL, OUTGOING, planned, lead.created, done=False)
        return
    # Who has called moves the lead a few minutes later.
    moved = lead.steps[1].at
    first = max(moved - timedelta(seconds=random.randint(40, 900)), lead.created + SECOND)
    first = min(first, moved)
    yield _held(LEAD, lead, random.choice((CALL, CALL, EMAIL)), first, latest)
    if len(lead.steps) > 2 and random.random() < CALLED_AGAIN:
        kind = random.choice((CALL, EMAIL, MEETING))
        yield _held(LEAD, lead, kind, later(moved, timedelta(days=5), latest, random), latest)


def _of_deal(deal: Deal, latest: datetime, random: Random) -> Iterator[Contact]:
    met = later(deal.created, timedelta(days=8), latest, random)
    yield _held(DEAL, deal, random.choice((CALL, EMAIL, MEETING, MEETING)), met, latest)
    if len(deal.steps) == 1:
        planned = latest + timedelta(days=random.randint(1, 12))
        yield Contact(DEAL, deal, MEETING, OUTGOING, planned, deal.created, done=False)


def _held(
    owner_type: int, owner: Lead | Deal, kind: int, at: datetime, latest: datetime
) -> Contact:
    """A contact that took place; a call or meeting is noted when it is over."""
    over = at if kind == EMAIL else at + timedelta(minutes=4 if kind == CALL else 45)
    return Contact(owner_type, owner, kind, OUTGOING, at, min(over, latest))


def _row(contact: Contact, number: int, random: Random) -> Row:
    provider, provider_type, subject = PROVIDERS[contact.kind]
    created = portal_time(contact.created)
    start = portal_time(contact.at)
    end = created if contact.done else start
    owner = str(contact.owner.owner)
    return {
        "ID": str(number),
        "OWNER_ID": str(contact.owner.id),
        "OWNER_TYPE_ID": str(contact.owner_type),
        "TYPE_ID": str(contact.kind),
        "PROVIDER_ID": provider,
        "PROVIDER_TYPE_ID": provider_type,
        "SUBJECT": f"{subject} - {contact.owner.client.firm}",
        "DESCRIPTION": "",
        "DIRECTION": str(contact.direction),
        "CREATED": created,
        "START_TIME": start,
        "END_TIME": end,
        "DEADLINE": end,
        "COMPLETED": "Y" if contact.done else "N",
        "RESPONSIBLE_ID": owner,
        "AUTHOR_ID": owner,
        "LAST_UPDATED": created,
        "ORIGINATOR_ID": "",
        "ORIGIN_ID": "",
    }
