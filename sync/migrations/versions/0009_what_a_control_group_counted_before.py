"""what the control group of a target counted before

Revision: 0009, after 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("target") as batch_op:
        batch_op.add_column(sa.Column("control_numerator", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("control_denominator", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("control_complete", sa.Boolean(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("target") as batch_op:
        batch_op.drop_column("control_complete")
        batch_op.drop_column("control_denominator")
        batch_op.drop_column("control_numerator")
