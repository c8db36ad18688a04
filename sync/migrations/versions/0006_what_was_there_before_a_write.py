"""what was there before a write, and which write it went out with

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.add_column(sa.Column("before", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("superseded_by", sa.String(), nullable=True))
        batch_op.create_index("outbox_run", ["run_id"])


def downgrade() -> None:
    with op.batch_alter_table("outbox") as batch_op:
        batch_op.drop_index("outbox_run")
        batch_op.drop_column("superseded_by")
        batch_op.drop_column("before")
