"""what may have taken effect: when a write went out, what updates may have written, and restores

Revision: 0013, after 0012
"""

import sqlalchemy as sa
from alembic import op

from sync.tables.columns import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.add_column(sa.Column("put_off_at", UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("sent_at", UtcDateTime(timezone=True), nullable=True))
    op.create_table(
        "restore",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("restored_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("made_at", UtcDateTime(timezone=True), nullable=False),
    )
    with op.batch_alter_table("link") as batch_op:
        batch_op.add_column(sa.Column("attempted", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("link") as batch_op:
        batch_op.drop_column("attempted")
    op.drop_table("restore")
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.drop_column("sent_at")
        batch_op.drop_column("put_off_at")
