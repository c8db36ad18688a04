"""Lists of record ids in statements: one parameter for all of them.

A parameter each would be bounded by the database, and binding them costs more than the look-up.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ARRAY, Select, Text, column, func, literal, select
from sqlmodel import Session


def listed(session: Session, ids: Sequence[str]) -> Select[str]:
    """The ids as rows, for `column.in_(…)` and `INSERT … SELECT`."""
    if session.connection().dialect.name == "sqlite":
        text = msgspec.json.encode(ids).decode()
        rows = func.json_each(literal(text)).table_valued("value")
    else:
        rows = func.unnest(literal(list(ids), ARRAY(Text))).table_valued("value").render_derived()
    return select(column("value", Text)).select_from(rows)
