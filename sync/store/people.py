"""Humans and their accounts in the tools."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, and_, col, func, select

from sync.store.database import one_at_a_time
from sync.tables.mirror import AccountRow
from sync.tables.people import Absence, Person, PersonId, Turn
from sync.tables.retros import UNFINISHED, Action


def all_people(session: Session) -> Sequence[Person]:
    return session.exec(select(Person).order_by(col(Person.id))).all()


def absences_on(session: Session, day: date) -> Sequence[Absence]:
    return session.exec(
        select(Absence).where(col(Absence.first_day) <= day, col(Absence.last_day) >= day)
    ).all()


def accounts_of_people(session: Session, connection_id: int) -> Mapping[str, str]:
    """Remote account id by person id."""
    rows = session.exec(select(PersonId).where(PersonId.connection_id == connection_id)).all()
    return {row.person_id: row.remote_id for row in rows}


@dataclass(frozen=True)
class Match:
    """`account` is None when no account of the tool has the person's e-mail address, or when it
    cannot be told whose it is; `problem` says so then."""

    person: str
    account: str | None
    problem: str | None = None


@dataclass(frozen=True)
class Tie:
    person: str
    connection_id: int
    account: str


def loosen_ties(session: Session, persons: Collection[str]) -> list[Tie]:
    """Take out the ties of those persons to accounts that have another address than theirs now;
    returns them. One to an account that was not read here is kept, as when matching."""
    one_at_a_time(session, "people")
    rows = session.exec(
        select(PersonId, Person.email, AccountRow.email)
        .join(Person, col(Person.id) == col(PersonId.person_id))
        .join(
            AccountRow,
            and_(
                col(AccountRow.connection_id) == col(PersonId.connection_id),
                col(AccountRow.id) == col(PersonId.remote_id),
            ),
        )
        .where(col(PersonId.person_id).in_(persons))
        .order_by(col(PersonId.person_id), col(PersonId.connection_id))
    ).all()
    loose = [tie for tie, email, theirs in rows if not same_address(email, theirs)]
    for tie in loose:
        session.delete(tie)
    session.flush()
    return [Tie(tie.person_id, tie.connection_id, tie.remote_id) for tie in loose]


def match_by_email(session: Session, connection_id: int) -> list[Match]:
    """Tie each person to the active account with the same e-mail address, case aside.

    One address, one person, one account: who shares it is refused by name and tied to nothing. Ties
    that no longer hold are taken out; one to an account that was not read here is kept.
    """
    one_at_a_time(session, "people")
    accounts = session.exec(
        select(AccountRow)
        .where(
            AccountRow.connection_id == connection_id,
            col(AccountRow.deleted_at).is_(None),
        )
        .order_by(col(AccountRow.id))
    ).all()
    persons = all_people(session)
    with_address = _by_email((row.email, row.id) for row in accounts if row.active)
    sharing = _by_email((person.email, person.id) for person in persons)
    matches = [
        _match(person.id, sharing.get(key, []), with_address.get(key, []), key)
        for person in persons
        for key in [_key(person.email)]
    ]
    _keep_ties(session, connection_id, matches)
    return matches


def _match(person: str, sharing: list[str], accounts: list[str], address: str) -> Match:
    if not accounts:
        return Match(person, None)
    step = "give each their own, then match again."
    if len(sharing) > 1:
        who = " and ".join(sharing)
        return Match(person, None, f"{who} have the same e-mail address {address}; {step}")
    if len(accounts) > 1:
        which = " and ".join(accounts)
        told = f"the accounts {which} have the same e-mail address {address}; {step}"
        return Match(person, None, told)
    return Match(person, accounts[0])


def _keep_ties(session: Session, connection_id: int, matches: Sequence[Match]) -> None:
    known = set(
        session.exec(select(AccountRow.id).where(AccountRow.connection_id == connection_id)).all()
    )
    found = {match.person: match.account for match in matches if match.account is not None}
    taken = set(found.values())
    ties = session.exec(select(PersonId).where(PersonId.connection_id == connection_id)).all()
    for tie in ties:
        if found.get(tie.person_id) == tie.remote_id:
            del found[tie.person_id]
        elif tie.person_id in found or tie.remote_id in taken or tie.remote_id in known:
            session.delete(tie)
    # What goes makes room first: two people may have swapped their accounts.
    session.flush()
    session.add_all(
        PersonId(person_id=person, connection_id=connection_id, remote_id=account)
        for person, account in found.items()
    )
    session.flush()


def _by_email(pairs: Iterable[tuple[str | None, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for email, id_ in pairs:
        if key := _key(email):
            found.setdefault(key, []).append(id_)
    return found


def same_address(one: str | None, other: str | None) -> bool:
    return _key(one) == _key(other)


def _key(email: str | None) -> str:
    return (email or "").strip().casefold()


def open_actions_by_owner(session: Session) -> Mapping[str, int]:
    """How many unfinished actions each person has, for choosing the least loaded."""
    rows = session.exec(
        select(Action.owner, func.count())
        .where(col(Action.status).in_(UNFINISHED))
        .group_by(col(Action.owner))
    ).all()
    return dict(rows)


def last_turns(session: Session) -> Mapping[str, str]:
    """Who had the last turn, by role key."""
    return {row.role: row.person_id for row in session.exec(select(Turn)).all()}


def note_turns(session: Session, turns: Mapping[str, str]) -> None:
    for role, person in turns.items():
        session.merge(Turn(role=role, person_id=person))
