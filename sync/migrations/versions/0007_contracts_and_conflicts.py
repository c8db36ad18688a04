"""contracts of fields, conflicts, and what a merge needs to know

Revision: 0007, after 0006
"""

import sqlalchemy as sa
from alembic import op

from sync.tables.columns import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OPEN = sa.text("state = 'open'")


def upgrade() -> None:
    op.create_table(
        "mapping",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("contract", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"]),
        sa.PrimaryKeyConstraint("connection_id", "stream", "field"),
    )
    op.create_table(
        "conflict",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("action_key", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("base", sa.String(), nullable=True),
        sa.Column("ours", sa.String(), nullable=True),
        sa.Column("theirs", sa.String(), nullable=True),
        sa.Column("ours_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("theirs_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("detected_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("settled_by", sa.String(), nullable=True),
        sa.Column("settled_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["action_key"], ["action.key"]),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("conflict") as batch_op:
        batch_op.create_index("ix_conflict_connection_id", ["connection_id"])
        batch_op.create_index(
            "conflict_open",
            ["action_key", "field"],
            unique=True,
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        )
    with op.batch_alter_table("link") as batch_op:
        batch_op.add_column(sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("overwritten", sa.Text(), nullable=True))
    with op.batch_alter_table("action") as batch_op:
        batch_op.add_column(sa.Column("edited", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("action") as batch_op:
        batch_op.drop_column("edited")
    with op.batch_alter_table("link") as batch_op:
        batch_op.drop_column("overwritten")
        batch_op.drop_column("revision")
    op.drop_table("conflict")
    op.drop_table("mapping")
