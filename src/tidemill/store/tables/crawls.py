"""What is to be crawled, and its crawls: sources, runs, schedules."""

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
    false,
    text,
    true,
)

from tidemill.models.run import RunState
from tidemill.store.tables.columns import created, metadata, one_of, owner, team
from tidemill.store.types import Id, Jsonb, Moment, String, Text

sources = Table(
    "sources",
    metadata,
    Column("id", Id, primary_key=True),
    team(),
    owner("owner_id"),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("spec", Jsonb, nullable=False),
    Column("version", Integer, nullable=False),
    Column("adhoc", Boolean, nullable=False, server_default=false()),
    Column("deleted_at", Moment),
    created(),
    Column("updated_at", Moment, nullable=False),
)

source_versions = Table(
    "source_versions",
    metadata,
    Column("source_id", Id, ForeignKey("sources.id", ondelete="CASCADE")),
    Column("version", Integer),
    Column("spec", Jsonb, nullable=False),
    created(),
    PrimaryKeyConstraint("source_id", "version"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source_id", Id, ForeignKey("sources.id"), nullable=False),
    Column("source_version", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("options", Jsonb, nullable=False),
    Column("admitted", BigInteger, nullable=False, server_default=text("0")),
    Column("fetched", BigInteger, nullable=False, server_default=text("0")),
    Column("received_bytes", BigInteger, nullable=False, server_default=text("0")),
    Column("saved_requests", BigInteger, nullable=False, server_default=text("0")),
    Column("saved_bytes", BigInteger, nullable=False, server_default=text("0")),
    Column("out_of_scope", BigInteger, nullable=False, server_default=text("0")),
    Column("worker_id", Id),
    Column("error", Text),
    owner("user_id"),
    created(),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("totals", Jsonb),
    Column("compacted_at", Moment),
    one_of("state", RunState),
    Index("ix_runs_source_created", "source_id", "created_at"),
    Index("ix_runs_created", "created_at", "id"),
    Index(
        "ix_runs_user_created",
        "user_id",
        "created_at",
        sqlite_where=text("user_id IS NOT NULL"),
        postgresql_where=text("user_id IS NOT NULL"),
    ),
    Index(
        "ix_runs_open", "state", sqlite_where=text("finished_at IS NULL"), postgresql_where=text("finished_at IS NULL")
    ),
)

schedules = Table(
    "schedules",
    metadata,
    Column("id", Id, primary_key=True),
    team(),
    Column("source_id", Id, ForeignKey("sources.id"), nullable=False, index=True),
    Column("trigger", Jsonb, nullable=False),
    Column("zone", Text, nullable=False),
    Column("misfire", String(12), nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("next_fire_at", Moment),
    created(),
    one_of("misfire", ("skip", "once", "all")),
    Index("ix_schedules_enabled_next", "enabled", "next_fire_at"),
)

fires = Table(
    "fires",
    metadata,
    Column("schedule_id", Id, ForeignKey("schedules.id", ondelete="CASCADE")),
    Column("fire_at", Moment),
    Column("run_id", Id),
    Column("state", String(12), nullable=False),
    created(),
    PrimaryKeyConstraint("schedule_id", "fire_at"),
)
