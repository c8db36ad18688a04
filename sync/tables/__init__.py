"""All tables. Importing this package fills SQLModel's metadata for Alembic."""

from sqlmodel import SQLModel

from sync.tables import audit, connections, mirror, outbox, people, retros, runs

metadata = SQLModel.metadata

__all__ = ["audit", "connections", "metadata", "mirror", "outbox", "people", "retros", "runs"]
