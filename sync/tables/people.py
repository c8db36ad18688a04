"""Humans, their accounts in the tools, and when they are away."""

from datetime import date

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel


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


class Turn(SQLModel, table=True):
    """Who had the last turn among the holders of a role."""

    __tablename__ = "rota"

    role: str = Field(primary_key=True)
    person_id: str = Field(foreign_key="person.id")
