"""What was fetched, what of it waits to be processed, and what could not be."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, UniqueConstraint, text

from tidemill.models.priority import PRIORITIES
from tidemill.store.tables.columns import created, metadata, one_of
from tidemill.store.types import Id, Jsonb, Moment, String, Text

captures = Table(
    "captures",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", Id, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("page_id", Id, ForeignKey("pages.id"), nullable=False),
    Column("source_id", Id, nullable=False),
    Column("url", Text, nullable=False),
    Column("fetched_at", Moment, nullable=False),
    Column("status_code", Integer, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("body_hash", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("headers", Jsonb),
    Column("screenshot_hash", String(64)),
    Column("state", String(12), nullable=False, server_default="pending"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("not_before", Moment, nullable=False),
    Column("token", Id),
    Column("worker_id", Id),
    Column("processed_at", Moment),
    Column("priority", String(6), nullable=False, server_default="medium"),
    Column("announced_at", Moment),
    UniqueConstraint("run_id", "page_id"),
    one_of("state", ("pending", "claimed", "processed", "dead")),
    one_of("priority", PRIORITIES),
    Index(
        "ix_captures_pending",
        "priority",
        "not_before",
        "id",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
    Index(
        "ix_captures_announced",
        "announced_at",
        "not_before",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
    Index(
        "ix_captures_claimed",
        "worker_id",
        sqlite_where=text("state = 'claimed'"),
        postgresql_where=text("state = 'claimed'"),
    ),
    Index("ix_captures_page", "page_id", "fetched_at"),
    Index("ix_captures_body", "body_hash"),
)
"""What was fetched.

`state`, `attempts`, `not_before`, `token`, `worker_id`, `processed_at`, `announced_at` and the partial indexes were the
queue until there was `waiting`. They stay for one version, of which processes may run while the tables are upgraded:
all rows of today are `processed`, and what those processes leave behind is adopted (`store/captures.py`)."""

waiting = Table(
    "waiting",
    metadata,
    Column("capture_id", Id, ForeignKey("captures.id", ondelete="CASCADE"), primary_key=True),
    Column("run_id", Id, nullable=False),
    Column("priority", String(6), nullable=False),
    Column("fetched_at", Moment, nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("announced_at", Moment),
    Column("token", Id),
    Column("worker_id", Id),
    one_of("priority", PRIORITIES),
    Index("ix_waiting_due", "priority", "not_before", "capture_id"),
    Index("ix_waiting_announced", "announced_at", "not_before"),
    sqlite_with_rowid=False,
    postgresql_with={"fillfactor": 50},
)
"""The queue: captures that wait, or are claimed under a `token`. What is done is deleted.

No index names the columns that a claim writes, and half of each page is left free, so that PostgreSQL writes a claim
beside the row and touches no index (HOT)."""

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Id, primary_key=True),
    Column("capture_id", Id, ForeignKey("captures.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("run_id", Id, nullable=False),
    Column("source_id", Id, nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("error_type", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("trace", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("state", String(12), nullable=False, server_default="open"),
    Column("resolved_at", Moment),
    created(),
    one_of("state", ("open", "replayed", "discarded", "resolved")),
)
