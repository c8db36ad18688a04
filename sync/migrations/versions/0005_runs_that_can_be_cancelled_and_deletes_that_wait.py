"""runs that can be cancelled and watched, schedules of full reads, deletes that wait for a person

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op

from sync.tables.columns import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# SQLite gave its constraint no name; the batch names it like PostgreSQL does, to drop it.
NAMED = {"uq": "%(table_name)s_%(column_0_N_name)s_key"}


def upgrade() -> None:
    with op.batch_alter_table("run") as batch_op:
        batch_op.add_column(
            sa.Column("cancel", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(sa.Column("expected", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("idle", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("lost", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("schedule", naming_convention=NAMED) as batch_op:
        batch_op.add_column(
            sa.Column("mode", sa.String(32), nullable=False, server_default="incremental")
        )
        batch_op.add_column(sa.Column("regular_at", UtcDateTime(timezone=True), nullable=True))
        batch_op.drop_constraint("schedule_connection_id_stream_key", type_="unique")
        batch_op.create_unique_constraint(
            "schedule_connection_id_stream_mode_key", ["connection_id", "stream", "mode"]
        )
    op.create_table(
        "held_delete",
        sa.Column("connection_id", sa.Integer(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("record_id", sa.String(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
        sa.Column("seen_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"]),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("connection_id", "stream", "record_id"),
    )


def downgrade() -> None:
    op.drop_table("held_delete")
    op.execute("DELETE FROM schedule WHERE mode = 'full'")
    with op.batch_alter_table("schedule") as batch_op:
        batch_op.drop_constraint("schedule_connection_id_stream_mode_key", type_="unique")
        batch_op.create_unique_constraint(
            "schedule_connection_id_stream_key", ["connection_id", "stream"]
        )
        batch_op.drop_column("regular_at")
        batch_op.drop_column("mode")
    with op.batch_alter_table("run") as batch_op:
        for name in ("lost", "idle", "expected", "cancel"):
            batch_op.drop_column(name)
