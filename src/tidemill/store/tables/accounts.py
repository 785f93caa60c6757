"""Who may do what, and what was done: teams, users, keys, sessions, the audit log."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, text, true

from tidemill.models.account import ROLES
from tidemill.store import append_only
from tidemill.store.tables.columns import created, metadata, one_of, team
from tidemill.store.types import Id, Jsonb, Moment, Serial, String, Text

teams = Table(
    "teams",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    created(),
)

users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True),
    team(),
    Column("email", Text, nullable=False, unique=True),
    Column("password_hash", Text),
    Column("role", String(16), nullable=False),
    Column("active", Boolean, nullable=False, server_default=true()),
    Column("quotas", Jsonb, nullable=False, server_default=text("'{}'")),
    Column("last_login_at", Moment),
    created(),
    one_of("role", ROLES),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Id, primary_key=True),
    team(),
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
    created(),
    one_of("role", ROLES),
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
    created(),
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

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("scope", Text),
    Column("key", Text),
    Column("request_hash", String(64), nullable=False),
    Column("status_code", Integer),
    Column("response", Text),
    created(),
    Column("headers", Jsonb),
    PrimaryKeyConstraint("scope", "key"),
    Index("ix_idempotency_keys_created", "created_at"),
)
