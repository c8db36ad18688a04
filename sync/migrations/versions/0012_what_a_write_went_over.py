"""what a write went over: the values beside the moment

Moments alone are forgotten: they keep the next read from being taken for an older one, and every
pull since has read what is there.

Revision: 0012, after 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

FORGET = "UPDATE link SET overwritten = NULL"


def upgrade() -> None:
    op.execute(FORGET)


def downgrade() -> None:
    op.execute(FORGET)
