"""What became of each URL: pages, visits, families of URLs, and the hosts they are asked of."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    false,
    literal_column,
    text,
)

from tidemill.models.outcome import Outcome, VisitState
from tidemill.store.tables.columns import metadata, one_of
from tidemill.store.types import Id, Moment, String, Text

pages = Table(
    "pages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source_id", Id, ForeignKey("sources.id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(8), nullable=False, server_default="known"),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("body_hash", String(64)),
    Column("capture_id", Id),
    Column("last_outcome", String(16)),
    Column("last_reason", Text),
    Column("depth", Integer, nullable=False, server_default=text("0")),
    Column("hops", Integer, nullable=False, server_default=text("0")),
    Column("missing_runs", Integer, nullable=False, server_default=text("0")),
    Column("missing_run_id", Id),
    Column("visit_count", Integer, nullable=False, server_default=text("0")),
    Column("change_count", Integer, nullable=False, server_default=text("0")),
    Column("first_seen_at", Moment, nullable=False),
    Column("fetched_at", Moment),
    Column("changed_at", Moment),
    Column("due_at", Moment),
    Column("interval_s", Float),
    Column("size_bytes", BigInteger, nullable=False, server_default=text("0")),
    Column("pattern", Text),
    Column("over_budget", Boolean, nullable=False, server_default=false()),
    Column("is_item", Boolean, nullable=False, server_default=false()),
    one_of("kind", ("page", "sitemap", "feed")),
    one_of("state", ("known", "gone")),
    Index("ix_pages_source_state_due", "source_id", "state", "due_at"),
)

visits = Table(
    "visits",
    metadata,
    Column("run_id", Id, ForeignKey("runs.id", ondelete="CASCADE")),
    Column("page_id", Id, ForeignKey("pages.id")),
    Column("origin", Text, nullable=False),
    Column("state", String(8), nullable=False),
    Column("outcome", String(16)),
    Column("reason", Text),
    Column("status_code", Integer),
    Column("depth", Integer, nullable=False),
    Column("hops", Integer, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("not_before", Moment, nullable=False),
    Column("is_listing", Boolean, nullable=False, server_default=false()),
    Column("tried_at", Moment),
    Column("token", Id),
    Column("worker_id", Id),
    Column("capture_id", Id),
    Column("redirect_to", Text),
    Column("finished_at", Moment),
    PrimaryKeyConstraint("run_id", "page_id"),
    one_of("state", VisitState),
    one_of("outcome", Outcome),
    CheckConstraint("(state = 'done') = (outcome IS NOT NULL)", name="done_has_outcome"),
    Index(
        "ix_visits_pending",
        "run_id",
        "depth",
        "not_before",
        "page_id",
        "origin",
        "state",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
    Index(
        "ix_visits_leased",
        "worker_id",
        sqlite_where=text("state = 'leased'"),
        postgresql_where=text("state = 'leased'"),
    ),
    Index(
        "ix_visits_open",
        "run_id",
        "state",
        sqlite_where=text("state <> 'done'"),
        postgresql_where=text("state <> 'done'"),
    ),
    Index(
        "ix_visits_open_listings",
        "run_id",
        sqlite_where=text("is_listing AND state <> 'done'"),
        postgresql_where=text("is_listing AND state <> 'done'"),
    ),
    sqlite_with_rowid=False,
)

url_patterns = Table(
    "url_patterns",
    metadata,
    Column("run_id", Id, ForeignKey("runs.id", ondelete="CASCADE")),
    Column("pattern", Text),
    Column("admitted", Integer, nullable=False),
    PrimaryKeyConstraint("run_id", "pattern"),
    sqlite_with_rowid=False,
)

IS_OPEN = visits.c.state != literal_column(f"'{VisitState.DONE.value}'")
"""Whether a visit is open. Written out, since SQLite would not see that a bound value fits `ix_visits_open`."""

hosts = Table(
    "hosts",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("next_slot_at", Moment),
    Column("rate_per_s", Float),
    Column("breaker", String(12), nullable=False, server_default="closed"),
    Column("breaker_until", Moment),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("failed_trials", Integer, nullable=False, server_default=text("0")),
    Column("trial_token", Id),
    Column("retry_tokens", Float),
    Column("latency_s", Float),
    Column("robots", Text),
    Column("robots_status", String(16)),
    Column("robots_expires_at", Moment),
    one_of("breaker", ("closed", "open", "half_open")),
)
