"""what a pull has seen stands alone: without a key to its run it is cleared at once

Revision: 0011, after 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _made_anew()
    else:
        op.drop_constraint("run_seen_run_id_fkey", "run_seen", type_="foreignkey")


def downgrade() -> None:
    key = sa.ForeignKeyConstraint(["run_id"], ["run.id"])
    if op.get_bind().dialect.name == "sqlite":
        _made_anew(key)
    else:
        op.create_foreign_key("run_seen_run_id_fkey", "run_seen", "run", ["run_id"], ["id"])


def _made_anew(*keys: sa.ForeignKeyConstraint) -> None:
    """With what is in it: a pull may be under way."""
    op.create_table(
        "run_seen_new",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.String(), nullable=False),
        *keys,
        sa.PrimaryKeyConstraint("run_id", "record_id"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO run_seen_new SELECT run_id, record_id FROM run_seen")
    op.drop_table("run_seen")
    op.rename_table("run_seen_new", "run_seen")
