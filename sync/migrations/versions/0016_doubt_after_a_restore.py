"""until when a write may have been sent that a backup knows nothing of

Revision: 0016, after 0015
"""

import sqlalchemy as sa
from alembic import op

from sync.tables.columns import UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("doubted_at", UtcDateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("outbox", "doubted_at")
