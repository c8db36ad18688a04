"""Humans, their accounts in the tools, when they are away, and what an hour of a role costs."""

from datetime import date
from decimal import Decimal

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from sync.tables.types import Money


class Person(SQLModel, table=True):
    id: str = Field(primary_key=True)
    name: str
    role: str
    email: str | None = None
    team: str | None = None
    country: str = "FR"
    active: bool = True


class PersonId(SQLModel, table=True):
    """The account by which a tool knows a person."""

    __tablename__ = "person_id"
    __table_args__ = (UniqueConstraint("connection_id", "remote_id"),)

    person_id: str = Field(primary_key=True, foreign_key="person.id")
    connection_id: int = Field(primary_key=True, foreign_key="connection.id")
    remote_id: str


class Absence(SQLModel, table=True):
    """Both days included."""

    id: int | None = Field(default=None, primary_key=True)
    person_id: str = Field(foreign_key="person.id", index=True)
    first_day: date
    last_day: date


class PayRate(SQLModel, table=True):
    """Monthly cost of a role band from `valid_from` on; a page shows totals, never a rate."""

    __tablename__ = "pay_rate"

    band: str = Field(primary_key=True)
    valid_from: date = Field(primary_key=True)
    gross_month: Decimal = Field(sa_type=Money)
    contributions_month: Decimal = Field(sa_type=Money)
    currency: str
    source: str
