"""The queue in a table of its own: what waits, small rows that are deleted when they are done.

The columns of `captures` that were the queue stay for one version: processes of the version before may still run. What
they make or leave behind afterwards is taken over by `store.captures.adopt`.
"""

import sqlalchemy as sa
from alembic import op

from tidemill.store.types import Id, Moment, String

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_MOVED = "capture_id, run_id, priority, fetched_at, not_before, attempts"
_FROM = "id, run_id, priority, fetched_at, not_before, attempts"


def upgrade() -> None:
    op.create_table(
        "waiting",
        sa.Column("capture_id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("priority", String(6), nullable=False),
        sa.Column("fetched_at", Moment, nullable=False),
        sa.Column("not_before", Moment, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("announced_at", Moment),
        sa.Column("token", Id),
        sa.Column("worker_id", Id),
        sa.PrimaryKeyConstraint("capture_id", name="pk_waiting"),
        sa.ForeignKeyConstraint(["capture_id"], ["captures.id"], name="fk_waiting_capture_id", ondelete="CASCADE"),
        sa.CheckConstraint("priority IN ('high', 'medium', 'low')", name="priority"),
        sqlite_with_rowid=False,
        postgresql_with={"fillfactor": 50},
    )
    op.create_index("ix_waiting_due", "waiting", ["priority", "not_before", "capture_id"])
    op.create_index("ix_waiting_announced", "waiting", ["announced_at", "not_before"])
    # Whoever has claimed some just now ends with them, or dies, and they are taken over then.
    op.execute(f"INSERT INTO waiting ({_MOVED}) SELECT {_FROM} FROM captures WHERE state = 'pending'")
    op.execute("UPDATE captures SET state = 'processed' WHERE state = 'pending'")


def downgrade() -> None:
    op.execute(
        "UPDATE captures SET state = 'pending', announced_at = NULL,"
        " attempts = (SELECT waiting.attempts FROM waiting WHERE capture_id = captures.id),"
        " not_before = (SELECT waiting.not_before FROM waiting WHERE capture_id = captures.id)"
        " WHERE id IN (SELECT capture_id FROM waiting)"
    )
    op.execute(
        "UPDATE captures SET state = 'dead' WHERE state = 'processed'"
        " AND id IN (SELECT capture_id FROM dead_letters WHERE state IN ('open', 'discarded'))"
    )
    op.drop_table("waiting")
