"""Humans and their accounts in the tools."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, col, func, select

from connectors.models import ActionStatus
from sync.tables.mirror import AccountRow
from sync.tables.people import Absence, Person, PersonId
from sync.tables.retros import Action


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
    """`account` is None when no account of the tool has the person's e-mail address."""

    person: str
    account: str | None


def match_by_email(session: Session, connection_id: int) -> list[Match]:
    """Tie each person to the active account with the same e-mail address, case aside."""
    accounts = session.exec(
        select(AccountRow).where(
            AccountRow.connection_id == connection_id,
            col(AccountRow.active).is_(True),
            col(AccountRow.deleted_at).is_(None),
        )
    ).all()
    by_email = {row.email.casefold(): row.id for row in accounts if row.email}
    matches = []
    for person in all_people(session):
        account = by_email.get((person.email or "").casefold())
        if account is not None:
            session.merge(
                PersonId(person_id=person.id, connection_id=connection_id, remote_id=account)
            )
        matches.append(Match(person.id, account))
    return matches


def open_actions_by_owner(session: Session) -> Mapping[str, int]:
    """How many unfinished actions each person has, for choosing the least loaded."""
    rows = session.exec(
        select(Action.owner, func.count())
        .where(col(Action.status).in_([ActionStatus.OPEN.value, ActionStatus.IN_PROGRESS.value]))
        .group_by(col(Action.owner))
    ).all()
    return dict(rows)
