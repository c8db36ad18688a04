"""Column types that mean the same on SQLite and PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, DateTime, Dialect, String, Table, Text, TypeDecorator
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

MONEY_UNIT = Decimal("0.0001")
UNITS = Decimal(10_000)
CENT = Decimal("0.01")
# What eight bytes hold.
LARGEST = 2**63 - 1
_SORTED = msgspec.json.Encoder(order="sorted")


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a stored moment needs a time zone")
    return value


def moment_text(value: datetime | None) -> str | None:
    """Fixed-width ISO text in UTC, which sorts as time does."""
    if value is None:
        return None
    if value.tzinfo is not UTC:
        value = _aware(value).astimezone(UTC)
    return value.isoformat(timespec="microseconds")


def moment_texts(values: Sequence[datetime | None]) -> list[str | None]:
    """A whole column as `moment_text` writes each. One call of the encoder takes a tenth of the
    time of as many `isoformat`."""
    texts = msgspec.json.decode(msgspec.json.encode(values), type=list[str | None])
    return [text and _fixed_width(text, value) for text, value in zip(texts, values, strict=True)]


def _fixed_width(text: str, value: datetime | None) -> str | None:
    if text[-1] != "Z":
        return moment_text(value)
    return f"{text[:-1]}+00:00" if "." in text else f"{text[:-1]}.000000+00:00"


def money_units(values: Sequence[Decimal | None]) -> list[int | None]:
    """A whole column of amounts in ten-thousandths. Raises ValueError on one that is finer or too
    large, ValueError or ArithmeticError on one that is no number."""
    return [None if value is None else _units(value) for value in values]


def _units(value: Decimal) -> int:
    exact = value * UNITS
    units = int(exact)
    if units != exact:
        raise ValueError(f"{value} has more than four decimals")
    if not -LARGEST - 1 <= units <= LARGEST:
        raise ValueError(f"{value} is too large")
    return units


def json_texts(values: Sequence[Any]) -> list[str | None]:
    """A whole column of documents, each as one text with its keys sorted."""
    encode = _SORTED.encode
    return [None if value is None else encode(value).decode() for value in values]


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment; see `moment_text` for what SQLite gets."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(32))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if dialect.name == "sqlite":
            return moment_text(value)
        return None if value is None else _aware(value).astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """An amount as a whole number of ten-thousandths, so that sums in SQL are exact."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        return None if value is None else _units(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        """With two decimals, or as many as it takes."""
        if value is None:
            return None
        amount = Decimal(value) * MONEY_UNIT
        cents = amount.quantize(CENT)
        return cents if cents == amount else amount.normalize()


class Json(TypeDecorator[Any]):
    """A small document kept as text. Keys are sorted, so equal documents are equal texts."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else _SORTED.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)


class Words(TypeDecorator[StrEnum]):
    """One of the words of an enumeration, kept as text so that a new word needs no migration."""

    impl = String(32)
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: StrEnum | str | None, dialect: Dialect) -> str | None:
        return None if value is None else self.words(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        return None if value is None else self.words(value)


def word(words: type[StrEnum], default: StrEnum) -> Any:
    """A column that holds one of `words`."""
    return Field(default=default, sa_column=Column(Words(words), nullable=False))


def moment(*, optional: bool = False, index: bool = False) -> Any:
    """A column that holds an aware moment."""
    column: Column[datetime] = Column(UtcDateTime, nullable=optional, index=index)
    return Field(default=None, sa_column=column) if optional else Field(sa_column=column)


def document(*, optional: bool = False) -> Any:
    """A column that holds a small JSON document."""
    column: Column[Any] = Column(Json, nullable=optional)
    return Field(default=None, sa_column=column) if optional else Field(sa_column=column)


def table_of(model: type[SQLModel]) -> Table:
    """The table behind a model, for statements over many rows."""
    table: Table = model.__table__  # type: ignore[attr-defined]  # set by SQLModel's metaclass
    return table
