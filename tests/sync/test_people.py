"""Ties between people and accounts: by e-mail, one to one, and never against the unique key."""

import pytest
from sqlmodel import Session

from sync.store import people
from sync.store.database import Database
from sync.store.people import Match
from sync.tables.mirror import AccountRow
from sync.tables.people import Person, PersonId


def account(session: Session, connection_id: int, remote: str, email: str, **more: bool) -> None:
    session.merge(
        AccountRow(
            connection_id=connection_id,
            id=remote,
            hash=b"",
            extra={},
            name=remote,
            email=email,
            active=more.get("active", True),
        )
    )


def person(session: Session, id_: str, email: str | None) -> None:
    session.merge(Person(id=id_, name=id_.removeprefix("p_").title(), role="SDR", email=email))


def match(database: Database, connection_id: int) -> list[Match]:
    with database.writing() as session:
        return people.match_by_email(session, connection_id)


def ties(database: Database, connection_id: int) -> dict[str, str]:
    with database.reading() as session:
        return dict(people.accounts_of_people(session, connection_id))


def test_people_are_tied_to_the_account_with_their_address(
    database: Database, connection_id: int
) -> None:
    with database.writing() as session:
        account(session, connection_id, "1", "Nadia@Example.com")
        account(session, connection_id, "2", "gone@example.com", active=False)
        person(session, "p_mkt", "nadia@example.com")
        person(session, "p_gone", "gone@example.com")
        person(session, "p_none", None)
    assert match(database, connection_id) == [
        Match("p_gone", None),
        Match("p_mkt", "1"),
        Match("p_none", None),
    ]
    assert ties(database, connection_id) == {"p_mkt": "1"}
    assert match(database, connection_id)[1] == Match("p_mkt", "1")


def test_two_people_with_one_address_are_refused_by_name(
    database: Database, connection_id: int
) -> None:
    with database.writing() as session:
        account(session, connection_id, "1", "team@example.com")
        person(session, "p_a", "team@example.com")
        person(session, "p_b", "Team@example.com")
    first, second = match(database, connection_id)
    assert (first.account, second.account) == (None, None)
    assert first.problem == second.problem
    assert first.problem is not None
    assert "p_a and p_b have the same e-mail address" in first.problem
    assert ties(database, connection_id) == {}


def test_two_accounts_with_one_address_are_refused_by_number(
    database: Database, connection_id: int
) -> None:
    with database.writing() as session:
        account(session, connection_id, "1", "nadia@example.com")
        account(session, connection_id, "2", "NADIA@example.com")
        person(session, "p_mkt", "nadia@example.com")
    (found,) = match(database, connection_id)
    assert found.account is None
    assert found.problem is not None
    assert "the accounts 1 and 2" in found.problem


@pytest.mark.parametrize("order", [("p_a", "p_b"), ("p_b", "p_a")])
def test_an_address_that_moved_takes_its_account_along(
    database: Database, connection_id: int, order: tuple[str, str]
) -> None:
    old, new = order
    with database.writing() as session:
        account(session, connection_id, "1", "sales@example.com")
        person(session, old, "sales@example.com")
        person(session, new, None)
    match(database, connection_id)
    assert ties(database, connection_id) == {old: "1"}
    with database.writing() as session:
        person(session, old, None)
        person(session, new, "sales@example.com")
    match(database, connection_id)
    assert ties(database, connection_id) == {new: "1"}


def test_two_people_who_swap_addresses_swap_accounts(
    database: Database, connection_id: int
) -> None:
    with database.writing() as session:
        account(session, connection_id, "1", "a@example.com")
        account(session, connection_id, "2", "b@example.com")
        person(session, "p_a", "a@example.com")
        person(session, "p_b", "b@example.com")
    match(database, connection_id)
    with database.writing() as session:
        person(session, "p_a", "b@example.com")
        person(session, "p_b", "a@example.com")
    match(database, connection_id)
    assert ties(database, connection_id) == {"p_a": "2", "p_b": "1"}


def test_a_tie_to_an_account_that_left_is_taken_out_and_an_unread_one_is_kept(
    database: Database, connection_id: int
) -> None:
    with database.writing() as session:
        account(session, connection_id, "1", "a@example.com")
        person(session, "p_a", "a@example.com")
        person(session, "p_b", "b@example.com")
        session.flush()
        session.add(PersonId(person_id="p_b", connection_id=connection_id, remote_id="77"))
    match(database, connection_id)
    with database.writing() as session:
        account(session, connection_id, "1", "a@example.com", active=False)
    match(database, connection_id)
    assert ties(database, connection_id) == {"p_b": "77"}
