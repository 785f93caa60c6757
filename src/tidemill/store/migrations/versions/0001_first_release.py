"""Every table of the first release."""

import sqlalchemy as sa
from alembic import op

from tidemill.store.types import Id, Jsonb, Moment, Serial, String, Text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", Serial, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("actor", Text, nullable=False),
        sa.Column("action", Text, nullable=False),
        sa.Column("target", Text, nullable=True),
        sa.Column("detail", Jsonb, nullable=False),
        sa.Column("previous_hash", String(64), nullable=False),
        sa.Column("hash", String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
        sa.UniqueConstraint("hash", name=op.f("uq_audit_log_hash")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "cursors",
        sa.Column("name", Text, nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursors")),
    )
    op.create_table(
        "events",
        sa.Column("id", Serial, nullable=False),
        sa.Column("kind", String(32), nullable=False),
        sa.Column("source_id", Id, nullable=True),
        sa.Column("run_id", Id, nullable=True),
        sa.Column("document_id", Id, nullable=True),
        sa.Column("payload", Jsonb, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "hosts",
        sa.Column("origin", Text, nullable=False),
        sa.Column("next_slot_at", Moment, nullable=True),
        sa.Column("rate_per_s", sa.Float(), nullable=True),
        sa.Column("breaker", String(12), server_default="closed", nullable=False),
        sa.Column("breaker_until", Moment, nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("robots", Text, nullable=True),
        sa.Column("robots_status", String(16), nullable=True),
        sa.Column("robots_expires_at", Moment, nullable=True),
        sa.CheckConstraint("breaker IN ('closed', 'open', 'half_open')", name=op.f("ck_hosts_breaker")),
        sa.PrimaryKeyConstraint("origin", name=op.f("pk_hosts")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("scope", Text, nullable=False),
        sa.Column("key", Text, nullable=False),
        sa.Column("request_hash", String(64), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("response", Text, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "meta",
        sa.Column("key", String(64), nullable=False),
        sa.Column("value", Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )
    op.create_table(
        "tags",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tags")),
        sa.UniqueConstraint("name", name=op.f("uq_tags_name")),
    )
    op.create_table(
        "teams",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
        sa.UniqueConstraint("name", name=op.f("uq_teams_name")),
    )
    op.create_table(
        "workers",
        sa.Column("id", Id, nullable=False),
        sa.Column("role", String(16), nullable=False),
        sa.Column("hostname", Text, nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("heartbeat_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_index(op.f("ix_workers_heartbeat_at"), "workers", ["heartbeat_at"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, nullable=True),
        sa.Column("kind", String(32), nullable=False),
        sa.Column("state", String(12), nullable=False),
        sa.Column("request", Jsonb, nullable=False),
        sa.Column("progress", Jsonb, nullable=False),
        sa.Column("error", Text, nullable=True),
        sa.Column("token", Id, nullable=True),
        sa.Column("worker_id", Id, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("finished_at", Moment, nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'running', 'done', 'failed', 'cancelled')", name=op.f("ck_jobs_state")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_jobs_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_table(
        "sources",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, nullable=True),
        sa.Column("name", Text, nullable=False),
        sa.Column("kind", String(32), nullable=False),
        sa.Column("spec", Jsonb, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("adhoc", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("deleted_at", Moment, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_sources_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint("name", name=op.f("uq_sources_name")),
    )
    op.create_table(
        "users",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, nullable=True),
        sa.Column("email", Text, nullable=False),
        sa.Column("password_hash", Text, nullable=True),
        sa.Column("role", String(16), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.CheckConstraint("role IN ('viewer', 'operator', 'admin')", name=op.f("ck_users_role")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_users_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, nullable=True),
        sa.Column("name", Text, nullable=False),
        sa.Column("url", Text, nullable=False),
        sa.Column("events", Jsonb, nullable=False),
        sa.Column("secrets", Jsonb, nullable=False),
        sa.Column("headers", Jsonb, nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_webhooks_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, nullable=True),
        sa.Column("user_id", Id, nullable=True),
        sa.Column("name", Text, nullable=False),
        sa.Column("prefix", String(16), nullable=False),
        sa.Column("secret_hash", String(64), nullable=False),
        sa.Column("scopes", Jsonb, nullable=False),
        sa.Column("expires_at", Moment, nullable=True),
        sa.Column("last_used_at", Moment, nullable=True),
        sa.Column("revoked_at", Moment, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_api_keys_team_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_keys_prefix")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", Id, nullable=False),
        sa.Column("webhook_id", Id, nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("state", String(12), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", Moment, nullable=True),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("response_body", Text, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.CheckConstraint("state IN ('pending', 'delivered', 'retrying', 'failed')", name=op.f("ck_deliveries_state")),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_deliveries_webhook_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("webhook_id", "event_id", name=op.f("uq_deliveries_webhook_id_event_id")),
    )
    op.create_index("ix_deliveries_state_next", "deliveries", ["state", "next_attempt_at"], unique=False)
    op.create_table(
        "pages",
        sa.Column("id", Id, nullable=False),
        sa.Column("source_id", Id, nullable=False),
        sa.Column("url", Text, nullable=False),
        sa.Column("origin", Text, nullable=False),
        sa.Column("kind", String(16), nullable=False),
        sa.Column("state", String(8), server_default="known", nullable=False),
        sa.Column("etag", Text, nullable=True),
        sa.Column("last_modified", Text, nullable=True),
        sa.Column("body_hash", String(64), nullable=True),
        sa.Column("capture_id", Id, nullable=True),
        sa.Column("last_outcome", String(16), nullable=True),
        sa.Column("last_reason", Text, nullable=True),
        sa.Column("depth", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("hops", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("missing_runs", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("missing_run_id", Id, nullable=True),
        sa.Column("visit_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("change_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_seen_at", Moment, nullable=False),
        sa.Column("fetched_at", Moment, nullable=True),
        sa.Column("changed_at", Moment, nullable=True),
        sa.Column("due_at", Moment, nullable=True),
        sa.CheckConstraint("kind IN ('page', 'sitemap', 'feed')", name=op.f("ck_pages_kind")),
        sa.CheckConstraint("state IN ('known', 'gone')", name=op.f("ck_pages_state")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_pages_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pages")),
    )
    op.create_index("ix_pages_source_state_due", "pages", ["source_id", "state", "due_at"], unique=False)
    op.create_table(
        "refresh_tokens",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("family_id", Id, nullable=False),
        sa.Column("token_hash", String(64), nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.Column("used_at", Moment, nullable=True),
        sa.Column("revoked_at", Moment, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_refresh_tokens_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_refresh_tokens_token_hash")),
    )
    op.create_index(op.f("ix_refresh_tokens_family_id"), "refresh_tokens", ["family_id"], unique=False)
    op.create_index(op.f("ix_refresh_tokens_user_id"), "refresh_tokens", ["user_id"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", Id, nullable=False),
        sa.Column("source_id", Id, nullable=False),
        sa.Column("source_version", sa.Integer(), nullable=False),
        sa.Column("state", String(16), nullable=False),
        sa.Column("options", Jsonb, nullable=False),
        sa.Column("admitted", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("fetched", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("received_bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("out_of_scope", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("worker_id", Id, nullable=True),
        sa.Column("error", Text, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("started_at", Moment, nullable=True),
        sa.Column("finished_at", Moment, nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'crawled', 'completed', 'interrupted', 'cancelled')",
            name=op.f("ck_runs_state"),
        ),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_runs_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index(
        "ix_runs_open",
        "runs",
        ["state"],
        unique=False,
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_index("ix_runs_source_created", "runs", ["source_id", "created_at"], unique=False)
    op.create_table(
        "schedules",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, nullable=True),
        sa.Column("source_id", Id, nullable=False),
        sa.Column("trigger", Jsonb, nullable=False),
        sa.Column("zone", Text, nullable=False),
        sa.Column("misfire", String(12), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("next_fire_at", Moment, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.CheckConstraint("misfire IN ('skip', 'once', 'all')", name=op.f("ck_schedules_misfire")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_schedules_source_id")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_schedules_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
    )
    op.create_index("ix_schedules_enabled_next", "schedules", ["enabled", "next_fire_at"], unique=False)
    op.create_index(op.f("ix_schedules_source_id"), "schedules", ["source_id"], unique=False)
    op.create_table(
        "source_versions",
        sa.Column("source_id", Id, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("spec", Jsonb, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_source_versions_source_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("source_id", "version", name=op.f("pk_source_versions")),
    )
    op.create_table(
        "captures",
        sa.Column("id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("page_id", Id, nullable=False),
        sa.Column("source_id", Id, nullable=False),
        sa.Column("url", Text, nullable=False),
        sa.Column("fetched_at", Moment, nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=False),
        sa.Column("media_type", Text, nullable=False),
        sa.Column("content_type", Text, nullable=False),
        sa.Column("body_hash", String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("etag", Text, nullable=True),
        sa.Column("last_modified", Text, nullable=True),
        sa.Column("state", String(12), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_before", Moment, nullable=False),
        sa.Column("token", Id, nullable=True),
        sa.Column("worker_id", Id, nullable=True),
        sa.Column("processed_at", Moment, nullable=True),
        sa.CheckConstraint("state IN ('pending', 'claimed', 'processed', 'dead')", name=op.f("ck_captures_state")),
        sa.ForeignKeyConstraint(["page_id"], ["pages.id"], name=op.f("fk_captures_page_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_captures_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_captures")),
        sa.UniqueConstraint("run_id", "page_id", name=op.f("uq_captures_run_id_page_id")),
    )
    op.create_index("ix_captures_body", "captures", ["body_hash"], unique=False)
    op.create_index(
        "ix_captures_claimed",
        "captures",
        ["worker_id"],
        unique=False,
        sqlite_where=sa.text("state = 'claimed'"),
        postgresql_where=sa.text("state = 'claimed'"),
    )
    op.create_index("ix_captures_page", "captures", ["page_id", "fetched_at"], unique=False)
    op.create_index(
        "ix_captures_pending",
        "captures",
        ["not_before", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "documents",
        sa.Column("id", Id, nullable=False),
        sa.Column("source_id", Id, nullable=False),
        sa.Column("page_id", Id, nullable=False),
        sa.Column("item_key", Text, nullable=False),
        sa.Column("url", Text, nullable=False),
        sa.Column("state", String(12), nullable=False),
        sa.Column("duplicate_of", Id, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("capture_id", Id, nullable=False),
        sa.Column("fetched_at", Moment, nullable=False),
        sa.Column("first_seen_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("kind", String(32), nullable=False),
        sa.Column("title", Text, nullable=False),
        sa.Column("author", Text, nullable=True),
        sa.Column("published_at", Moment, nullable=True),
        sa.Column("modified_at", Moment, nullable=True),
        sa.Column("language", String(16), nullable=True),
        sa.Column("language_confidence", sa.Float(), nullable=True),
        sa.Column("content", Text, nullable=False),
        sa.Column("markdown", Text, nullable=False),
        sa.Column("summary", Text, nullable=True),
        sa.Column("word_count", sa.Integer(), nullable=False),
        sa.Column("reading_time_minutes", sa.Integer(), nullable=False),
        sa.Column("canonical_url", Text, nullable=True),
        sa.Column("site_name", Text, nullable=True),
        sa.Column("image_url", Text, nullable=True),
        sa.Column("tags", Jsonb, nullable=False),
        sa.Column("fields", Jsonb, nullable=False),
        sa.Column("provenance", Jsonb, nullable=False),
        sa.Column("flags", Jsonb, nullable=False),
        sa.Column("problems", Jsonb, nullable=False),
        sa.Column("content_hash", String(64), nullable=False),
        sa.Column("fingerprint", String(64), nullable=False),
        sa.CheckConstraint(
            "(state = 'duplicate') = (duplicate_of IS NOT NULL)", name=op.f("ck_documents_duplicate_has_original")
        ),
        sa.CheckConstraint("state IN ('current', 'duplicate', 'invalid', 'removed')", name=op.f("ck_documents_state")),
        sa.ForeignKeyConstraint(["page_id"], ["pages.id"], name=op.f("fk_documents_page_id")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_documents_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
    )
    op.create_index("ix_documents_content", "documents", ["source_id", "content_hash"], unique=False)
    op.create_index("ix_documents_page", "documents", ["page_id"], unique=False)
    op.create_index("ix_documents_published", "documents", ["published_at"], unique=False)
    op.create_index(
        "ix_documents_source_state_url", "documents", ["source_id", "state", "url", "item_key"], unique=False
    )
    op.create_table(
        "fires",
        sa.Column("schedule_id", Id, nullable=False),
        sa.Column("fire_at", Moment, nullable=False),
        sa.Column("run_id", Id, nullable=True),
        sa.Column("state", String(12), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["schedules.id"], name=op.f("fk_fires_schedule_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("schedule_id", "fire_at", name=op.f("pk_fires")),
    )
    op.create_table(
        "visits",
        sa.Column("run_id", Id, nullable=False),
        sa.Column("page_id", Id, nullable=False),
        sa.Column("origin", Text, nullable=False),
        sa.Column("state", String(8), nullable=False),
        sa.Column("outcome", String(16), nullable=True),
        sa.Column("reason", Text, nullable=True),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("hops", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_before", Moment, nullable=False),
        sa.Column("token", Id, nullable=True),
        sa.Column("worker_id", Id, nullable=True),
        sa.Column("capture_id", Id, nullable=True),
        sa.Column("redirect_to", Text, nullable=True),
        sa.Column("finished_at", Moment, nullable=True),
        sa.CheckConstraint("(state = 'done') = (outcome IS NOT NULL)", name=op.f("ck_visits_done_has_outcome")),
        sa.CheckConstraint(
            "outcome IN ('stored', 'changed', 'unchanged', 'duplicate', 'invalid', 'redirected', 'skipped', 'blocked',"
            " 'gone', 'failed', 'dead')",
            name=op.f("ck_visits_outcome"),
        ),
        sa.CheckConstraint("state IN ('pending', 'leased', 'captured', 'done')", name=op.f("ck_visits_state")),
        sa.ForeignKeyConstraint(["page_id"], ["pages.id"], name=op.f("fk_visits_page_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_visits_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "page_id", name=op.f("pk_visits")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_visits_leased",
        "visits",
        ["worker_id"],
        unique=False,
        sqlite_where=sa.text("state = 'leased'"),
        postgresql_where=sa.text("state = 'leased'"),
    )
    op.create_index(
        "ix_visits_open",
        "visits",
        ["run_id", "state"],
        unique=False,
        sqlite_where=sa.text("state <> 'done'"),
        postgresql_where=sa.text("state <> 'done'"),
    )
    op.create_index(
        "ix_visits_pending",
        "visits",
        ["run_id", "depth", "not_before"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", Id, nullable=False),
        sa.Column("capture_id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("source_id", Id, nullable=False),
        sa.Column("url", Text, nullable=False),
        sa.Column("reason", Text, nullable=False),
        sa.Column("error_type", Text, nullable=False),
        sa.Column("message", Text, nullable=False),
        sa.Column("place", Text, nullable=False),
        sa.Column("trace", Text, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("state", String(12), server_default="open", nullable=False),
        sa.Column("resolved_at", Moment, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'replayed', 'discarded', 'resolved')", name=op.f("ck_dead_letters_state")
        ),
        sa.ForeignKeyConstraint(
            ["capture_id"], ["captures.id"], name=op.f("fk_dead_letters_capture_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
        sa.UniqueConstraint("capture_id", name=op.f("uq_dead_letters_capture_id")),
    )
    op.create_index(op.f("ix_dead_letters_source_id"), "dead_letters", ["source_id"], unique=False)
    op.create_table(
        "document_tags",
        sa.Column("document_id", Id, nullable=False),
        sa.Column("tag_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_document_tags_document_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tag_id"], ["tags.id"], name=op.f("fk_document_tags_tag_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("document_id", "tag_id", name=op.f("pk_document_tags")),
    )
    op.create_index(op.f("ix_document_tags_tag_id"), "document_tags", ["tag_id"], unique=False)
    op.create_table(
        "document_versions",
        sa.Column("document_id", Id, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", String(12), nullable=False),
        sa.Column("capture_id", Id, nullable=False),
        sa.Column("fetched_at", Moment, nullable=False),
        sa.Column("replaced_at", Moment, nullable=False),
        sa.Column("draft", Jsonb, nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_document_versions_document_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("document_id", "version", name=op.f("pk_document_versions")),
    )
    op.create_table(
        "signatures",
        sa.Column("document_id", Id, nullable=False),
        sa.Column("band", sa.Integer(), nullable=False),
        sa.Column("bucket", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_signatures_document_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("document_id", "band", name=op.f("pk_signatures")),
    )
    op.create_index("ix_signatures_bucket", "signatures", ["band", "bucket"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_signatures_bucket", table_name="signatures")
    op.drop_table("signatures")
    op.drop_table("document_versions")
    op.drop_index(op.f("ix_document_tags_tag_id"), table_name="document_tags")
    op.drop_table("document_tags")
    op.drop_index(op.f("ix_dead_letters_source_id"), table_name="dead_letters")
    op.drop_table("dead_letters")
    op.drop_index(
        "ix_visits_pending",
        table_name="visits",
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.drop_index(
        "ix_visits_open",
        table_name="visits",
        sqlite_where=sa.text("state <> 'done'"),
        postgresql_where=sa.text("state <> 'done'"),
    )
    op.drop_index(
        "ix_visits_leased",
        table_name="visits",
        sqlite_where=sa.text("state = 'leased'"),
        postgresql_where=sa.text("state = 'leased'"),
    )
    op.drop_table("visits")
    op.drop_table("fires")
    op.drop_index("ix_documents_source_state_url", table_name="documents")
    op.drop_index("ix_documents_published", table_name="documents")
    op.drop_index("ix_documents_page", table_name="documents")
    op.drop_index("ix_documents_content", table_name="documents")
    op.drop_table("documents")
    op.drop_index(
        "ix_captures_pending",
        table_name="captures",
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.drop_index("ix_captures_page", table_name="captures")
    op.drop_index(
        "ix_captures_claimed",
        table_name="captures",
        sqlite_where=sa.text("state = 'claimed'"),
        postgresql_where=sa.text("state = 'claimed'"),
    )
    op.drop_index("ix_captures_body", table_name="captures")
    op.drop_table("captures")
    op.drop_table("source_versions")
    op.drop_index(op.f("ix_schedules_source_id"), table_name="schedules")
    op.drop_index("ix_schedules_enabled_next", table_name="schedules")
    op.drop_table("schedules")
    op.drop_index("ix_runs_source_created", table_name="runs")
    op.drop_index(
        "ix_runs_open",
        table_name="runs",
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.drop_table("runs")
    op.drop_index(op.f("ix_refresh_tokens_user_id"), table_name="refresh_tokens")
    op.drop_index(op.f("ix_refresh_tokens_family_id"), table_name="refresh_tokens")
    op.drop_table("refresh_tokens")
    op.drop_index("ix_pages_source_state_due", table_name="pages")
    op.drop_table("pages")
    op.drop_index("ix_deliveries_state_next", table_name="deliveries")
    op.drop_table("deliveries")
    op.drop_table("api_keys")
    op.drop_table("webhooks")
    op.drop_table("users")
    op.drop_table("sources")
    op.drop_table("jobs")
    op.drop_index(op.f("ix_workers_heartbeat_at"), table_name="workers")
    op.drop_table("workers")
    op.drop_table("teams")
    op.drop_table("tags")
    op.drop_table("meta")
    op.drop_table("idempotency_keys")
    op.drop_table("hosts")
    op.drop_table("events")
    op.drop_table("cursors")
    op.drop_table("audit_log")
