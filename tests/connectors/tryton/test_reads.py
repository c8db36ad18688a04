"""Reading from a real server: what it shows is what its other interface says."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.models import Deal, LeadStatus, Record, StageChange, StageKind, Stream
from connectors.port import Partition, Presence, Window, read
from connectors.tryton.connector import Tryton
from tests.connectors.tryton.server import Server

pytestmark = pytest.mark.real
TITLES = [
    "Contract for the north",
    "Contract for the south",
    "Second site",
    "Trial",
    "Renewal",
    "Asked again",
]


def all_of(
    connector: Tryton, stream: Stream, since: datetime | None = None, after: str = ""
) -> dict[str, Any]:
    found: dict[str, Record] = {}
    for page in read(connector, stream, Window(since), Partition(after=after)):
        assert not page.refused
        assert not found.keys() & {one.id for one in page.records}
        found |= {one.id: one for one in page.records}
    return found


def by_title(records: Mapping[str, Any]) -> dict[str, Any]:
    return {one.title: one for one in records.values() if one.title in TITLES}


def opportunity(tryton: Server, title: str, *buttons: str) -> int:
    values = {"description": title, "party": 4, "company": 1, "currency": 1, "employee": 1}
    (made,) = tryton.admin("sale.opportunity.create", [values])
    for button in buttons:
        tryton.admin(f"sale.opportunity.{button}", [made])
    return int(made)


def moment_of(value: Mapping[str, Any]) -> datetime:
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return datetime(*(value[part] for part in parts), tzinfo=UTC)


def test_the_check_names_the_server_and_the_database(tryton: Server) -> None:
    assert tryton.connector().check() == f"{tryton.base.removeprefix('http://')}/retro"


def test_employees_are_the_people(tryton: Server) -> None:
    people = all_of(tryton.connector(), Stream.PEOPLE)
    assert {(one.name, one.email, one.active) for one in people.values()} >= {
        ("Nadia Exemple", "nadia@example.com", True),
        ("Léo Exemple", "leo@example.com", True),
    }


def test_states_are_the_stages_of_two_pipelines(tryton: Server) -> None:
    stages = all_of(tryton.connector(), Stream.PIPELINES)
    assert {id_: (one.name, one.kind) for id_, one in stages.items() if "deals/" in id_} == {
        "deals/lead": ("Lead", StageKind.OPEN),
        "deals/opportunity": ("Opportunity", StageKind.OPEN),
        "deals/converted": ("Converted", StageKind.OPEN),
        "deals/won": ("Won", StageKind.WON),
        "deals/lost": ("Lost", StageKind.LOST),
        "deals/cancelled": ("Cancelled", StageKind.LOST),
    }
    assert stages["leads/opportunity"].kind is StageKind.WON


def test_parties_are_the_contacts_archived_ones_too(tryton: Server) -> None:
    (made,) = tryton.admin("party.party.create", [{"name": "Exemple archivé"}])
    tryton.admin("party.party.write", [made], {"active": False})
    contacts = all_of(tryton.connector(), Stream.CONTACTS)
    assert contacts[str(made)].name == "Exemple archivé"
    rows = tryton.read("party.party", [["active", "in", [True, False]]], ["rec_name"])
    assert {id_: one.name for id_, one in contacts.items()} == {
        str(row["id"]): row["rec_name"] for row in rows
    }


def test_every_opportunity_is_a_lead(tryton: Server) -> None:
    leads = by_title(all_of(tryton.connector(), Stream.LEADS))
    assert {title: (one.stage, one.status_kind) for title, one in leads.items()} == {
        "Contract for the north": ("lead", LeadStatus.OPEN),
        "Contract for the south": ("opportunity", LeadStatus.CONVERTED),
        "Second site": ("converted", LeadStatus.CONVERTED),
        "Trial": ("lost", LeadStatus.DISQUALIFIED),
        "Renewal": ("lost", LeadStatus.CONVERTED),
        "Asked again": ("lead", LeadStatus.OPEN),
    }
    one = leads["Contract for the south"]
    assert (one.amount, one.currency, one.contacts) == (Decimal("8000.50"), "EUR", ["5"])
    assert {one.title for one in leads.values() if one.closed_at} == {
        "Contract for the south",
        "Second site",
        "Trial",
        "Renewal",
    }


def test_only_what_left_the_state_lead_is_a_deal(tryton: Server) -> None:
    """And it stays one: a deal that goes back to being a lead does not vanish."""
    deals = by_title(all_of(tryton.connector(), Stream.DEALS))
    assert {title: (one.stage, one.stage_kind) for title, one in deals.items()} == {
        "Contract for the south": ("opportunity", StageKind.OPEN),
        "Second site": ("converted", StageKind.OPEN),
        "Renewal": ("lost", StageKind.LOST),
        "Asked again": ("lead", StageKind.OPEN),
    }
    renewal = deals["Renewal"]
    assert renewal.lead == renewal.id
    (row,) = tryton.read("sale.opportunity", [["id", "=", int(renewal.id)]], ["write_date"])
    assert renewal.closed_at is not None
    assert abs(moment_of(row["write_date"]) - renewal.closed_at) < timedelta(seconds=1)


def test_stage_changes_are_the_log_of_transitions(tryton: Server) -> None:
    made = opportunity(
        tryton, "All over the place", "opportunity", "lost", "lead", "opportunity", "convert"
    )
    connector = tryton.connector()
    changes = [
        one
        for one in all_of(connector, Stream.STAGE_CHANGES).values()
        if isinstance(one, StageChange) and one.entity_id == str(made)
    ]
    told = [(one.entity, one.stage, one.stage_kind, one.closing) for one in changes]
    open_, won, lost = StageKind.OPEN, StageKind.WON, StageKind.LOST
    assert told == [
        ("leads", "lead", open_, False),
        ("leads", "opportunity", won, True),
        ("deals", "opportunity", open_, False),
        ("deals", "lost", lost, True),
        ("deals", "lead", open_, False),
        ("deals", "opportunity", open_, False),
        ("deals", "converted", open_, False),
    ]
    assert [one.at for one in changes] == sorted(one.at for one in changes)
    ids = [one.id for one in changes]
    assert [one.id for one in connector.by_ids(Stream.STAGE_CHANGES, ids).records] == ids


def test_a_sale_that_is_cancelled_loses_its_deal_though_no_log_tells(tryton: Server) -> None:
    made = opportunity(tryton, "Lost sale", "opportunity", "convert")
    (sale,) = tryton.admin(
        "sale.sale.search", [["origin", "=", f"sale.opportunity,{made}"]], 0, None, None
    )
    tryton.admin("sale.sale.cancel", [sale])
    (deal,) = tryton.connector().by_ids(Stream.DEALS, [str(made)]).records
    assert isinstance(deal, Deal)
    assert (deal.stage, deal.stage_kind, deal.closed_at) == (
        "lost",
        StageKind.LOST,
        deal.updated_at,
    )
    moves = all_of(tryton.connector(), Stream.STAGE_CHANGES)
    last = moves[f"deals:{made}:lost"]
    assert (last.stage_kind, last.closing, last.at) == (StageKind.LOST, True, deal.closed_at)


def test_what_changed_is_read_from_the_moment_on_inclusively(tryton: Server) -> None:
    """A record that was never changed has no moment of a change."""
    new, moved = opportunity(tryton, "New"), opportunity(tryton, "Moved", "opportunity")
    rows = tryton.read(
        "sale.opportunity", [["id", "in", [new, moved]]], ["create_date", "write_date"]
    )
    assert rows[0]["write_date"] is None
    created, changed = moment_of(rows[0]["create_date"]), moment_of(rows[1]["write_date"])
    connector = tryton.connector()
    assert {str(new), str(moved)} <= all_of(connector, Stream.LEADS, created).keys()
    assert str(moved) in all_of(connector, Stream.LEADS, changed)
    assert str(new) not in all_of(connector, Stream.LEADS, changed)
    later = changed + timedelta(microseconds=1)
    assert str(moved) not in all_of(connector, Stream.LEADS, later)


def test_more_records_of_one_moment_than_a_page_are_all_read(tryton: Server) -> None:
    """One transaction has one timestamp, however many records it makes."""
    many = [{"name": f"Exemple {number:03}"} for number in range(25)]
    made = {str(one) for one in tryton.admin("party.party.create", many)}
    rows = tryton.read("party.party", [["id", "in", [int(one) for one in made]]], ["create_date"])
    (moment,) = {moment_of(row["create_date"]) for row in rows}
    connector = tryton.connector()
    small = tryton.connector(page=10)
    pages = list(read(small, Stream.CONTACTS, Window(moment), Partition()))
    assert [len(page.records) for page in pages] == [10, 10, 5]
    assert made == {one.id for page in pages for one in page.records}
    rest = all_of(connector, Stream.CONTACTS, moment, after=pages[0].position)
    assert rest.keys() == {one.id for page in pages[1:] for one in page.records}


def test_the_clock_of_a_page_is_the_servers(tryton: Server) -> None:
    (page,) = read(tryton.connector(), Stream.LEADS, Window(), Partition())
    assert page.remote_now is not None
    assert page.remote_now.tzinfo is UTC
    assert abs(datetime.now(UTC) - page.remote_now) < timedelta(minutes=1)
    assert page.requests == 2


def test_what_was_deleted_is_told_apart_from_what_is_there(tryton: Server) -> None:
    kept, gone = opportunity(tryton, "Kept"), opportunity(tryton, "Gone", "cancel")
    tryton.admin("sale.opportunity.delete", [gone])
    connector = tryton.connector()
    assert connector.presence(Stream.LEADS, [str(kept), str(gone)]) == {
        str(kept): Presence.PRESENT,
        str(gone): Presence.DELETED,
    }
    assert connector.presence(Stream.DEALS, [str(kept)]) == {str(kept): Presence.DELETED}
    assert connector.presence(Stream.PEOPLE, ["1", "999"])["999"] is Presence.DELETED
