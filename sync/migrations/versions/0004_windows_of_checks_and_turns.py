"""the window of a check, turns on a rota, what keeps a rule from acting

Revision: 0004, after 0003
"""

from datetime import date, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from sync.tables.columns import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CHECK = sa.table(
    "check",
    sa.column("id", sa.Integer),
    sa.column("target_key", sa.String),
    sa.column("checked_at", UtcDateTime),
    sa.column("window_end", sa.Date),
)
TARGET = sa.table("target", sa.column("key", sa.String), sa.column("measure_end", sa.Date))
ONE_DAY = timedelta(days=1)


def upgrade() -> None:
    with op.batch_alter_table("check") as batch_op:
        batch_op.add_column(sa.Column("window_end", sa.Date(), nullable=True))
    with op.batch_alter_table("evaluation") as batch_op:
        batch_op.create_index("evaluation_event", ["event"])
    op.create_table(
        "rota",
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"]),
        sa.PrimaryKeyConstraint("role"),
    )
    op.create_table(
        "problem",
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=True),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("since", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("about"),
    )
    _fill_windows()


def downgrade() -> None:
    op.drop_table("problem")
    op.drop_table("rota")
    with op.batch_alter_table("evaluation") as batch_op:
        batch_op.drop_index("evaluation_event")
    with op.batch_alter_table("check") as batch_op:
        batch_op.drop_column("window_end")


def _fill_windows() -> None:
    """A check that was made since the window of its target ended was of that window. A day is
    allowed for zones: the moment is in UTC, the window in local days."""
    bind = op.get_bind()
    rows = bind.execute(
        sa.select(CHECK.c.id, CHECK.c.checked_at, TARGET.c.measure_end).join(
            TARGET, TARGET.c.key == CHECK.c.target_key
        )
    ).all()
    for id_, checked_at, end in rows:
        if _is_since(checked_at, end):
            bind.execute(sa.update(CHECK).where(CHECK.c.id == id_).values(window_end=end))


def _is_since(checked_at: datetime, end: date | None) -> bool:
    return end is not None and checked_at.date() >= end - ONE_DAY
