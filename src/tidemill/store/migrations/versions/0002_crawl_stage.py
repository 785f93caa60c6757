"""What the crawl stage learns: intervals, families of URLs, the health of hosts, savings, and headers of captures."""

import sqlalchemy as sa
from alembic import op

from tidemill.store.types import Id, Jsonb, Moment, String, Text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)


ADDED = {
    "runs": (_count("saved_requests"), _count("saved_bytes")),
    "pages": (
        sa.Column("interval_s", sa.Float(), nullable=True),
        _count("size_bytes"),
        sa.Column("pattern", Text, nullable=True),
        _flag("over_budget"),
        _flag("is_item"),
    ),
    "visits": (_flag("is_listing"), sa.Column("tried_at", Moment, nullable=True)),
    "captures": (
        sa.Column("headers", Jsonb, nullable=True),
        sa.Column("screenshot_hash", String(64), nullable=True),
    ),
    "hosts": (
        sa.Column("failed_trials", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("trial_token", Id, nullable=True),
        sa.Column("retry_tokens", sa.Float(), nullable=True),
        sa.Column("latency_s", sa.Float(), nullable=True),
    ),
}


def upgrade() -> None:
    for table, columns in ADDED.items():
        for column in columns:
            op.add_column(table, column)
    pending = sa.text("state = 'pending'")
    op.drop_index("ix_visits_pending", "visits")
    op.create_index(
        "ix_visits_pending",
        "visits",
        ["run_id", "depth", "not_before", "page_id", "origin", "state"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
    open_listings = sa.text("is_listing AND state <> 'done'")
    op.create_index(
        "ix_visits_open_listings", "visits", ["run_id"], sqlite_where=open_listings, postgresql_where=open_listings
    )
    op.create_table(
        "url_patterns",
        sa.Column("run_id", Id, nullable=False),
        sa.Column("pattern", Text, nullable=False),
        sa.Column("admitted", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_url_patterns_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "pattern", name=op.f("pk_url_patterns")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("url_patterns")
    op.drop_index("ix_visits_open_listings", "visits")
    op.drop_index("ix_visits_pending", "visits")
    pending = sa.text("state = 'pending'")
    op.create_index(
        "ix_visits_pending",
        "visits",
        ["run_id", "depth", "not_before"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
    for table, columns in ADDED.items():
        for column in columns:
            op.drop_column(table, column.name)
