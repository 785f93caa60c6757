"""What has happened, and who is told of it; what was searched for."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    text,
    true,
)

from tidemill.store.tables.columns import created, metadata, one_of, team
from tidemill.store.types import Id, Jsonb, Moment, Serial, String, Text

events = Table(
    "events",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("source_id", Id),
    Column("run_id", Id),
    Column("document_id", Id),
    Column("payload", Jsonb, nullable=False),
    created(),
    sqlite_autoincrement=True,
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("event_id", BigInteger, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Id, primary_key=True),
    team(),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("events", Jsonb, nullable=False),
    Column("secrets", Jsonb, nullable=False),
    Column("headers", Jsonb, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    created(),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("webhook_id", Id, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("event_id", BigInteger, nullable=False),
    Column("state", String(12), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", Moment),
    Column("response_status", Integer),
    Column("response_body", Text),
    created(),
    UniqueConstraint("webhook_id", "event_id"),
    one_of("state", ("pending", "delivered", "retrying", "failed")),
    Index("ix_deliveries_state_next", "state", "next_attempt_at"),
)

search_queries = Table(
    "search_queries",
    metadata,
    Column("day", String(10)),
    Column("query", Text),
    Column("asked", Integer, nullable=False),
    Column("empty", Integer, nullable=False),
    PrimaryKeyConstraint("day", "query"),
)
