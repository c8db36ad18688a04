"""Amounts with their currency, added only where a dated rate allows it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Money:
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class ExchangeRates:
    """What one unit of each listed currency was worth in `currency` on a day."""

    currency: str
    on: date
    rates: Mapping[str, Decimal]


class MissingRate(LookupError):
    """There is no rate for this currency and day; the text names both currencies and the day."""


def total(amounts: Iterable[Money], exchange: ExchangeRates) -> Money:
    """The sum in the currency of `exchange`; raises MissingRate rather than guess."""
    return Money(sum((_converted(m, exchange) for m in amounts), Decimal(0)), exchange.currency)


def _converted(money: Money, exchange: ExchangeRates) -> Decimal:
    if money.currency == exchange.currency:
        return money.amount
    rate = exchange.rates.get(money.currency)
    if rate is None:
        raise MissingRate(f"{money.currency} to {exchange.currency} on {exchange.on}")
    return money.amount * rate
