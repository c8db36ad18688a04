"""All tables. Importing this package fills SQLModel's metadata for Alembic."""

from sqlmodel import SQLModel

from sync.tables import connections, mirror, outbox, people, retros, runs

metadata = SQLModel.metadata

__all__ = ["connections", "metadata", "mirror", "outbox", "people", "retros", "runs"]
