"""Rows as `search_read` shows them; fields that we do not use are not asked for.

A field of a related record stands under the relation's name with a dot behind it.
"""

from datetime import UTC, datetime
from decimal import Decimal

from msgspec import Struct, field


class Moment(Struct, frozen=True, gc=False):
    """Tryton keeps UTC and does not say so."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    microsecond: int = 0

    def utc(self) -> datetime:
        return datetime(
            self.year,
            self.month,
            self.day,
            self.hour,
            self.minute,
            self.second,
            self.microsecond,
            UTC,
        )


class Day(Struct, frozen=True, gc=False):
    year: int
    month: int
    day: int

    def utc(self) -> datetime:
        return datetime(self.year, self.month, self.day, tzinfo=UTC)


class Number(Struct, frozen=True, gc=False):
    decimal: Decimal


class Row(Struct, frozen=True, kw_only=True, gc=False):
    """`write_date` is missing until the first change of a record."""

    id: int
    create_date: Moment
    write_date: Moment | None = None

    @property
    def updated_at(self) -> datetime:
        return (self.write_date or self.create_date).utc()


class Currency(Struct, frozen=True, gc=False):
    code: str


class OpportunityRow(Row, frozen=True, kw_only=True, gc=False):
    number: str | None = None
    description: str | None = None
    state: str
    party: int | None = None
    employee: int | None = None
    converted_by: int | None = None
    amount: Number | None = None
    currency: Currency | None = field(name="currency.", default=None)
    end_date: Day | None = None


class PartyRow(Row, frozen=True, kw_only=True, gc=False):
    rec_name: str


class Party(Struct, frozen=True, gc=False):
    rec_name: str
    email: str | None = None


class EmployeeRow(Row, frozen=True, kw_only=True, gc=False):
    party: Party = field(name="party.")
    end_date: Day | None = None


class UserRow(Struct, frozen=True, gc=False):
    email: str | None = None
    employees: list[int] = []


class Status(Struct, frozen=True, gc=False):
    """`progress` is the least that a work in this status has; 1.0 means that it is done."""

    id: int
    progress: float | None = None
    default: bool | None = None


class Allocation(Row, frozen=True, kw_only=True, gc=False):
    employee: int


class WorkRow(Row, frozen=True, kw_only=True, gc=False):
    name: str
    comment: str | None = None
    progress: float | None = None
    status: Status = field(name="status.")
    allocations: list[Allocation] = field(name="allocations.", default_factory=list)
    constraint_finish_time: Moment | None = None
    actual_finish_time: Moment | None = None

    @property
    def updated_at(self) -> datetime:
        """Who is allocated may change without the work being written."""
        own = (self.write_date or self.create_date).utc()
        return max([own, *(one.updated_at for one in self.allocations)])


class LogRow(Struct, frozen=True, gc=False):
    """A transition of `<model>,<id>` to `state:<state>`, or a click on a button."""

    id: int
    resource: str
    event: str
    target: str
    create_date: Moment
