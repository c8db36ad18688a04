"""Alembic's entry: runs the migrations on the connection that `Database.upgrade` hands over."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel.sql.sqltypes import AutoString

from sync.tables import metadata
from sync.tables.columns import Json, Money, Words

# Migrations name plain types, so that they stay true when ours change.
PLAIN = {
    AutoString: "sa.String()",
    Words: "sa.String(32)",
    Json: "sa.Text()",
    Money: "sa.BigInteger()",
}


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    return PLAIN.get(type(item), False) if kind == "type" else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    render_item=render_item,
    user_module_prefix="",
)
with context.begin_transaction():
    context.run_migrations()
