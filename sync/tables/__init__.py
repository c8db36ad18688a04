"""All tables. Importing this package fills SQLModel's metadata for Alembic."""

from sqlmodel import SQLModel

from sync.tables import (
    agreements,
    audit,
    budgets,
    connections,
    mirror,
    outbox,
    people,
    retros,
    rules,
    runs,
)

metadata = SQLModel.metadata

__all__ = [
    "agreements",
    "audit",
    "budgets",
    "connections",
    "metadata",
    "mirror",
    "outbox",
    "people",
    "retros",
    "rules",
    "runs",
]
