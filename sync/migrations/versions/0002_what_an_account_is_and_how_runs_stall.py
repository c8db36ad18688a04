"""what an account is, what a run was asked for, how often it stalled; closing dates anew

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

from sync.tables.columns import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# A deal ended by its first closing move after the last one into an open stage. Before, the last
# closing move was taken.
CLOSINGS = """
UPDATE deal SET final_at = (
    SELECT min(move.at) FROM stage_change AS move
    WHERE move.connection_id = deal.connection_id
      AND move.entity = 'deals' AND move.entity_id = deal.id AND move.closing
      AND NOT EXISTS (
        SELECT 1 FROM stage_change AS later
        WHERE later.connection_id = move.connection_id
          AND later.entity = 'deals' AND later.entity_id = move.entity_id
          AND later.stage_kind = 'open' AND later.at > move.at
      )
)
WHERE final_at IS NOT NULL
"""


def upgrade() -> None:
    with op.batch_alter_table("connection", schema=None) as batch_op:
        batch_op.add_column(sa.Column("identity", sa.Text(), nullable=True))
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("since", UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column("stalled", sa.Integer(), nullable=False, server_default=sa.text("0"))
        )
    # Until now a window that was asked for was kept where the run's own belongs.
    op.execute("UPDATE run SET since = window_start WHERE started_at IS NULL")
    op.execute(CLOSINGS)


def downgrade() -> None:
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.drop_column("stalled")
        batch_op.drop_column("since")
    with op.batch_alter_table("connection", schema=None) as batch_op:
        batch_op.drop_column("identity")
