"""Inserts many rows at once, past the ORM: half the time of a first pull is spent here.

Values are bound column by column: one call of a C encoder takes a whole column, where a call for
each value would cost more than the insert itself.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache, partial
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Dialect, LargeBinary, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine
from sqlmodel import Session

from sync.tables.columns import Json, Money, UtcDateTime, json_texts, moment_texts, money_units

Row = tuple[Any, ...]
Values = Sequence[Any]
# Rows of one statement: with 30 columns far below the limit of 32,766 parameters. In these sizes
# only: the driver keeps its last 128 statements, and one of a hundred rows takes 100 kB.
AT_ONCE = (256, 128, 64, 32, 16, 8, 4, 2, 1)


def insert_rows(session: Session, table: Table, names: Sequence[str], rows: Iterable[Row]) -> None:
    """`rows` hold the values of the columns `names`, in that order; there may be none."""
    connection = session.connection()
    dialect = connection.dialect
    binders = _binders(table, tuple(names), dialect)
    columns = zip(*rows, strict=True)
    driven = (bind(each) if bind else each for bind, each in zip(binders, columns, strict=False))
    bound = list(zip(*driven, strict=True))
    if dialect.name == "postgresql":
        _copy(connection, table, names, bound)
        return
    for some in _in_few_sizes(bound):
        statement = _statement(table, tuple(names), len(some), dialect)
        connection.exec_driver_sql(statement, tuple(chain.from_iterable(some)))


def _in_few_sizes(rows: Sequence[Values]) -> Iterator[Sequence[Values]]:
    start = 0
    for size in AT_ONCE:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


def _copy(
    connection: Connection, table: Table, names: Sequence[str], rows: Iterable[Values]
) -> None:
    """PostgreSQL's own bulk load, inside the transaction."""
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in names)
    statement = f"COPY {quote(table.name)} ({columns}) FROM STDIN"
    driver: Any = connection.connection.driver_connection
    dbapi_error: type[Exception] = connection.dialect.loaded_dbapi.Error
    try:
        with driver.cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except dbapi_error as error:
        # SQLAlchemy did not see this call, and everybody above knows errors by its names.
        raise DBAPIError.instance(
            statement, None, error, dbapi_error, hide_parameters=True, dialect=connection.dialect
        ) from error


def bound_values(session: Session, table: Table, name: str, values: Values) -> Values:
    """A column's values as the driver gets them. Raises ValueError or ArithmeticError on one that
    the column cannot hold."""
    (bind,) = _binders(table, (name,), session.connection().dialect)
    return bind(values) if bind else values


@lru_cache(maxsize=64)
def _statement(table: Table, names: tuple[str, ...], count: int, dialect: Dialect) -> str:
    """Many rows in one statement: SQLite's driver gives the interpreter away at every step, and
    the threads that fetch pages would hold it for milliseconds between any two rows."""
    quote = dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in names)
    row = f"({', '.join('?' * len(names))})"
    return f"INSERT INTO {quote(table.name)} ({columns}) VALUES {', '.join([row] * count)}"  # noqa: S608  # names are ours


@cache
def _binders(
    table: Table, names: tuple[str, ...], dialect: Dialect
) -> Sequence[Callable[[Values], Values] | None]:
    """For each column what turns its values into the driver's, None where they are already."""
    return [_binder(table.c[name].type, dialect) for name in names]


def _binder(type_: TypeEngine[Any], dialect: Dialect) -> Callable[[Values], Values] | None:
    if isinstance(type_, Json):
        return json_texts
    if isinstance(type_, Money):
        return money_units
    if isinstance(type_, UtcDateTime):
        return moment_texts
    if isinstance(type_, LargeBinary):
        # Drivers take bytes; SQLAlchemy would wrap each in an object the collector looks at.
        return None
    process = type_.dialect_impl(dialect).bind_processor(dialect)
    return None if process is None else partial(_each, process)


def _each(process: Callable[[Any], Any], values: Values) -> Values:
    return [process(value) for value in values]
