"""Who works and on what: processes that hold leases, jobs, answers of language models; and what the database notes."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, text

from tidemill.store.tables.columns import created, metadata, one_of, owner, team
from tidemill.store.types import Id, Jsonb, Moment, String, Text

meta = Table("meta", metadata, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False))

workers = Table(
    "workers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("role", String(16), nullable=False),
    Column("hostname", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("heartbeat_at", Moment, nullable=False, index=True),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True),
    team(),
    owner("user_id"),
    Column("kind", String(32), nullable=False),
    Column("state", String(12), nullable=False),
    Column("request", Jsonb, nullable=False),
    Column("progress", Jsonb, nullable=False),
    Column("error", Text),
    Column("token", Id),
    Column("worker_id", Id),
    created(),
    Column("finished_at", Moment),
    one_of("state", ("pending", "running", "done", "failed", "cancelled")),
    Index(
        "ix_jobs_open",
        "kind",
        "id",
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
    Index(
        "ix_jobs_user_created",
        "user_id",
        "created_at",
        sqlite_where=text("user_id IS NOT NULL"),
        postgresql_where=text("user_id IS NOT NULL"),
    ),
)

llm_answers = Table(
    "llm_answers",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("answer", Jsonb, nullable=False),
    Column("tokens", Integer, nullable=False),
    created(),
    Index("ix_llm_answers_created", "created_at"),
)
