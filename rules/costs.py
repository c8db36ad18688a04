"""What hours cost, from French loaded hours by role band. Pay leaves here only as a sum.

Loaded hour = (gross month + employer contributions) × 12 / 1,607. The 1,607 hours of a French
full-time year leave out days off and public holidays already. For people paid by the day
(forfait-jours) it is a yardstick of cost, never a count of their working time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from pydantic import Field

from rules.money import Money
from rules.yaml_document import YamlDocument
from rules.yaml_file import Entry

MONTHS = 12
CENT = Decimal("0.01")


class PayRate(Entry):
    """Monthly pay of a role band, or of one person in it, from a day on. It prints no amount."""

    role: str
    person: str | None = None
    gross_month: Decimal = Field(gt=0, repr=False)
    contributions_month: Decimal = Field(ge=0, repr=False)
    valid_from: date


class PayTable(Entry):
    """`source` and `source_date` say where the contributions come from, as sources differ."""

    version: int = Field(ge=1, le=1)
    source: str = Field(min_length=1)
    source_date: date
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    hours_per_year: int = Field(gt=0)
    rates: tuple[PayRate, ...]

    def rate(self, person: str, role: str, on: date) -> PayRate | None:
        """The person's own rate, else the role band's: the newest already valid on that day."""
        valid = [rate for rate in self.rates if rate.role == role and rate.valid_from <= on]
        own = [rate for rate in valid if rate.person == person]
        band = [rate for rate in valid if rate.person is None]
        return max(own or band, key=lambda rate: rate.valid_from, default=None)


@dataclass(frozen=True, slots=True)
class Attendance:
    """Hours one person gave, in a meeting or to an action."""

    person: str
    role: str
    hours: Decimal

    def __post_init__(self) -> None:
        if self.hours <= 0:
            raise ValueError(f"{self.person} must attend for more than {self.hours} hours")


@dataclass(frozen=True, slots=True)
class Cost:
    """`total` is None while a rate is missing; `missing` names the people and their roles."""

    total: Money | None
    missing: tuple[str, ...] = ()


def parse_pay_table(text: str, source: str) -> PayTable:
    """The pay table in `text`; raises FileProblem with `source:line: field: reason`."""
    return YamlDocument.read(text, source).validated(PayTable)


def loaded_hour(rate: PayRate, hours_per_year: int) -> Decimal:
    """The price of an hour, in cents as any price is; sums of hours are exact from there."""
    month = rate.gross_month + rate.contributions_month
    return (month * MONTHS / hours_per_year).quantize(CENT, ROUND_HALF_UP)


def cost_of_hours(attendances: Iterable[Attendance], table: PayTable, on: date) -> Cost:
    """What these hours cost at the rates of that day: one sum, so that it shows nobody's pay.

    A guest without a rate of their own costs what their role band does.
    """
    total = Decimal(0)
    missing: list[str] = []
    for each in attendances:
        rate = table.rate(each.person, each.role, on)
        if rate is None:
            missing.append(f"{each.person} ({each.role})")
        else:
            total += each.hours * loaded_hour(rate, table.hours_per_year)
    if missing:
        return Cost(None, tuple(missing))
    return Cost(Money(total.quantize(CENT, ROUND_HALF_UP), table.currency))
