"""What brokers and priorities add to captures: whose turn they are, and whether they were announced."""

import sqlalchemy as sa
from alembic import op

from tidemill.store.types import Moment, String

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_PENDING = sa.text("state = 'pending'")


def _index(name: str, *columns: str) -> None:
    op.create_index(name, "captures", list(columns), sqlite_where=_PENDING, postgresql_where=_PENDING)


def upgrade() -> None:
    kind = String(6).compile(op.get_bind().dialect)
    op.execute(  # SQLite takes a named check of a new column only this way
        f"ALTER TABLE captures ADD COLUMN priority {kind} DEFAULT 'medium' NOT NULL"
        " CONSTRAINT ck_captures_priority CHECK (priority IN ('high', 'medium', 'low'))"
    )
    op.add_column("captures", sa.Column("announced_at", Moment, nullable=True))
    op.drop_index("ix_captures_pending", "captures")
    _index("ix_captures_pending", "priority", "not_before", "id")
    _index("ix_captures_announced", "announced_at", "not_before")


def downgrade() -> None:
    op.drop_index("ix_captures_announced", "captures")
    op.drop_index("ix_captures_pending", "captures")
    _index("ix_captures_pending", "not_before", "id")
    op.drop_column("captures", "announced_at")
    op.drop_column("captures", "priority")
