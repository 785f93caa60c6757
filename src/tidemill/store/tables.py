"""The tables. Their names are a contract; `migrations/` make them, a test compares the two.

Keys: UUIDv7 for what happens, derived UUIDv8 for what is (see models/ids). States are CHECKed. What people own has a
team.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    false,
    literal_column,
    text,
    true,
)

from tidemill.models.account import ROLES
from tidemill.models.document import DocumentState
from tidemill.models.outcome import Outcome, VisitState
from tidemill.models.priority import PRIORITIES
from tidemill.models.run import RunState
from tidemill.store import append_only
from tidemill.store.types import Id, Jsonb, Moment, Serial, String, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _team() -> Column[str]:
    return Column("team_id", Id, ForeignKey("teams.id"), nullable=True)


def _owner(name: str) -> Column[str]:
    """The user whose it is. No foreign key: SQLite would have to make the whole table anew, and users are kept."""
    return Column(name, Id, nullable=True)


def _created() -> Column[object]:
    return Column("created_at", Moment, nullable=False)


meta = Table("meta", metadata, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False))

# --- people -----------------------------------------------------------------------------------------------------------

teams = Table(
    "teams",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    _created(),
)

users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True),
    _team(),
    Column("email", Text, nullable=False, unique=True),
    Column("password_hash", Text),
    Column("role", String(16), nullable=False),
    Column("active", Boolean, nullable=False, server_default=true()),
    Column("quotas", Jsonb, nullable=False, server_default=text("'{}'")),
    Column("last_login_at", Moment),
    _created(),
    _one_of("role", ROLES),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Id, primary_key=True),
    _team(),
    Column("user_id", Id, ForeignKey("users.id")),
    Column("name", Text, nullable=False),
    Column("prefix", String(16), nullable=False, unique=True),
    Column("secret_hash", String(64), nullable=False),
    Column("role", String(16), nullable=False, server_default="admin"),
    Column("scopes", Jsonb, nullable=False),
    Column("expires_at", Moment),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
    Column("replaced_by", String(16)),
    _created(),
    _one_of("role", ROLES),
    Index("ix_api_keys_user", "user_id"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False, index=True),
    Column("family_id", Id, nullable=False, index=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("scopes", Jsonb, nullable=False, server_default=text("'[]'")),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("revoked_at", Moment),
    _created(),
)

login_attempts = Table(
    "login_attempts",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", Moment, nullable=False, index=True),
    Column("blocked_until", Moment),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text),
    Column("detail", Jsonb, nullable=False),
    Column("request_id", Text),
    Column("address", Text),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    sqlite_autoincrement=True,
)
append_only.guard(audit_log)

# --- sources and runs -------------------------------------------------------------------------------------------------

sources = Table(
    "sources",
    metadata,
    Column("id", Id, primary_key=True),
    _team(),
    _owner("owner_id"),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("spec", Jsonb, nullable=False),
    Column("version", Integer, nullable=False),
    Column("adhoc", Boolean, nullable=False, server_default=false()),
    Column("deleted_at", Moment),
    _created(),
    Column("updated_at", Moment, nullable=False),
)

source_versions = Table(
    "source_versions",
    metadata,
    Column("source_id", Id, ForeignKey("sources.id", ondelete="CASCADE")),
    Column("version", Integer),
    Column("spec", Jsonb, nullable=False),
    _created(),
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
    _owner("user_id"),
    _created(),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("totals", Jsonb),
    Column("compacted_at", Moment),
    _one_of("state", RunState),
    Index("ix_runs_source_created", "source_id", "created_at"),
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
    _one_of("kind", ("page", "sitemap", "feed")),
    _one_of("state", ("known", "gone")),
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
    _one_of("state", VisitState),
    _one_of("outcome", Outcome),
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
    _one_of("state", ("pending", "claimed", "processed", "dead")),
    _one_of("priority", PRIORITIES),
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
    _one_of("priority", PRIORITIES),
    Index("ix_waiting_due", "priority", "not_before", "capture_id"),
    Index("ix_waiting_announced", "announced_at", "not_before"),
    sqlite_with_rowid=False,
    postgresql_with={"fillfactor": 50},
)
"""The queue: captures that wait, or are claimed under a `token`. What is done is deleted.

No index names the columns that a claim writes, and half of each page is left free, so that PostgreSQL writes a claim
beside the row and touches no index (HOT)."""

# --- documents --------------------------------------------------------------------------------------------------------

documents = Table(
    "documents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source_id", Id, ForeignKey("sources.id"), nullable=False),
    Column("page_id", Id, ForeignKey("pages.id"), nullable=False),
    Column("item_key", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("duplicate_of", Id),
    Column("similarity", Float),
    Column("version", Integer, nullable=False),
    Column("capture_id", Id, nullable=False),
    Column("fetched_at", Moment, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("title", Text, nullable=False),
    Column("author", Text),
    Column("published_at", Moment),
    Column("modified_at", Moment),
    Column("language", String(16)),
    Column("language_confidence", Float),
    Column("content", Text, nullable=False),
    Column("markdown", Text, nullable=False),
    Column("summary", Text),
    Column("word_count", Integer, nullable=False),
    Column("reading_time_minutes", Integer, nullable=False),
    Column("canonical_url", Text),
    Column("site_name", Text),
    Column("image_url", Text),
    Column("tags", Jsonb, nullable=False),
    Column("keywords", Jsonb, nullable=False, server_default=text("'[]'")),
    Column("entities", Jsonb, nullable=False, server_default=text("'[]'")),
    Column("fields", Jsonb, nullable=False),
    Column("provenance", Jsonb, nullable=False),
    Column("disagreements", Jsonb, nullable=False, server_default=text("'[]'")),
    Column("flags", Jsonb, nullable=False),
    Column("problems", Jsonb, nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    _one_of("state", DocumentState),
    CheckConstraint("(state = 'duplicate') = (duplicate_of IS NOT NULL)", name="duplicate_has_original"),
    Index("ix_documents_page", "page_id"),
    Index("ix_documents_source_state_url", "source_id", "state", "url", "item_key"),
    Index("ix_documents_content", "content_hash", "source_id"),
    Index("ix_documents_canonical", "canonical_url"),
    Index("ix_documents_original", "duplicate_of"),
    Index("ix_documents_published", "published_at"),
    Index("ix_documents_listed", "state", "id", "kind", "language", "published_at", "updated_at"),
)

document_versions = Table(
    "document_versions",
    metadata,
    Column("document_id", Id, ForeignKey("documents.id", ondelete="CASCADE")),
    Column("version", Integer),
    Column("state", String(12), nullable=False),
    Column("capture_id", Id, nullable=False),
    Column("fetched_at", Moment, nullable=False),
    Column("replaced_at", Moment, nullable=False),
    Column("draft", Jsonb, nullable=False),
    PrimaryKeyConstraint("document_id", "version"),
)

tags = Table("tags", metadata, Column("id", Id, primary_key=True), Column("name", Text, nullable=False, unique=True))

document_tags = Table(
    "document_tags",
    metadata,
    Column("document_id", Id, ForeignKey("documents.id", ondelete="CASCADE")),
    Column("tag_id", Id, ForeignKey("tags.id", ondelete="CASCADE"), index=True),
    PrimaryKeyConstraint("document_id", "tag_id"),
)

leaders = Table(
    "leaders",
    metadata,
    Column("number", Serial, primary_key=True, autoincrement=False),
    Column("document_id", Id, ForeignKey("documents.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("signature", LargeBinary, nullable=False),
)

signatures = Table(
    "signatures",
    metadata,
    Column("bucket", BigInteger),
    Column("number", Serial, ForeignKey("leaders.number", ondelete="CASCADE"), index=True),
    Column("sketch", LargeBinary, nullable=False),
    PrimaryKeyConstraint("bucket", "number"),
    sqlite_with_rowid=False,
)

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
    _created(),
    _one_of("state", ("open", "replayed", "discarded", "resolved")),
)

# --- the machinery ----------------------------------------------------------------------------------------------------

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
    _one_of("breaker", ("closed", "open", "half_open")),
)

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

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("event_id", BigInteger, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True),
    _team(),
    _owner("user_id"),
    Column("kind", String(32), nullable=False),
    Column("state", String(12), nullable=False),
    Column("request", Jsonb, nullable=False),
    Column("progress", Jsonb, nullable=False),
    Column("error", Text),
    Column("token", Id),
    Column("worker_id", Id),
    _created(),
    Column("finished_at", Moment),
    _one_of("state", ("pending", "running", "done", "failed", "cancelled")),
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
    _created(),
    Index("ix_llm_answers_created", "created_at"),
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

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("scope", Text),
    Column("key", Text),
    Column("request_hash", String(64), nullable=False),
    Column("status_code", Integer),
    Column("response", Text),
    _created(),
    Column("headers", Jsonb),
    PrimaryKeyConstraint("scope", "key"),
    Index("ix_idempotency_keys_created", "created_at"),
)

events = Table(
    "events",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("source_id", Id),
    Column("run_id", Id),
    Column("document_id", Id),
    Column("payload", Jsonb, nullable=False),
    _created(),
    sqlite_autoincrement=True,
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Id, primary_key=True),
    _team(),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("events", Jsonb, nullable=False),
    Column("secrets", Jsonb, nullable=False),
    Column("headers", Jsonb, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    _created(),
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
    _created(),
    UniqueConstraint("webhook_id", "event_id"),
    _one_of("state", ("pending", "delivered", "retrying", "failed")),
    Index("ix_deliveries_state_next", "state", "next_attempt_at"),
)

schedules = Table(
    "schedules",
    metadata,
    Column("id", Id, primary_key=True),
    _team(),
    Column("source_id", Id, ForeignKey("sources.id"), nullable=False, index=True),
    Column("trigger", Jsonb, nullable=False),
    Column("zone", Text, nullable=False),
    Column("misfire", String(12), nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("next_fire_at", Moment),
    _created(),
    _one_of("misfire", ("skip", "once", "all")),
    Index("ix_schedules_enabled_next", "enabled", "next_fire_at"),
)

fires = Table(
    "fires",
    metadata,
    Column("schedule_id", Id, ForeignKey("schedules.id", ondelete="CASCADE")),
    Column("fire_at", Moment),
    Column("run_id", Id),
    Column("state", String(12), nullable=False),
    _created(),
    PrimaryKeyConstraint("schedule_id", "fire_at"),
)
