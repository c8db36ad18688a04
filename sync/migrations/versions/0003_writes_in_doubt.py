"""a write that may exist is looked up, whatever came after the call

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("may_exist", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(sa.Column("waits", sa.Integer(), nullable=False, server_default="0"))
        batch_op.drop_index("outbox_state")
        batch_op.create_index(
            "outbox_next", ["connection_id", "state", "waits", "sequence"], unique=False
        )
        batch_op.create_index("outbox_subject", ["connection_id", "subject"], unique=False)
    # Until now a failed look-up forgot that the write was in doubt: whatever was ever tried is.
    outbox = sa.table(
        "outbox",
        sa.column("may_exist", sa.Boolean()),
        sa.column("attempts", sa.Integer()),
        sa.column("remote_id", sa.String()),
        sa.column("state", sa.String()),
    )
    op.execute(
        outbox.update()
        .where(outbox.c.attempts > 0, outbox.c.remote_id.is_(None), outbox.c.state != "done")
        .values(may_exist=True)
    )


def downgrade() -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("outbox_subject")
        batch_op.drop_index("outbox_next")
        batch_op.create_index("outbox_state", ["connection_id", "state"], unique=False)
        batch_op.drop_column("waits")
        batch_op.drop_column("may_exist")
