"""the tables of the first loop

Revision: 0001, after nothing
"""

from alembic import op

from sync.migrations.first_loop import mirror, retros, runs

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Later ones refer to earlier ones.
PARTS = (runs, mirror, retros)


def upgrade() -> None:
    for part in PARTS:
        part.create()


def downgrade() -> None:
    for part in reversed(PARTS):
        for table in reversed(part.TABLES):
            op.drop_table(table)
