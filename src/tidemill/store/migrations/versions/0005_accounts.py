"""What accounts add: roles of keys, quotas, who owns sources and runs, failed logins, an audit log that only grows."""

import sqlalchemy as sa
from alembic import op

from tidemill.store.append_only import statements
from tidemill.store.types import Id, Jsonb, Moment, String, Text

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OF_A_USER = sa.text("user_id IS NOT NULL")


def upgrade() -> None:
    dialect = op.get_bind().dialect
    short = String(16).compile(dialect)
    op.add_column("users", sa.Column("quotas", Jsonb, nullable=False, server_default=sa.text("'{}'")))
    op.add_column("users", sa.Column("last_login_at", Moment, nullable=True))
    op.execute(  # SQLite takes a named check of a new column only this way
        f"ALTER TABLE api_keys ADD COLUMN role {short} DEFAULT 'admin' NOT NULL"
        " CONSTRAINT ck_api_keys_role CHECK (role IN ('viewer', 'operator', 'admin'))"
    )
    op.add_column("api_keys", sa.Column("replaced_by", String(16), nullable=True))
    op.create_index("ix_api_keys_user", "api_keys", ["user_id"])
    op.add_column("refresh_tokens", sa.Column("scopes", Jsonb, nullable=False, server_default=sa.text("'[]'")))
    op.create_table(
        "login_attempts",
        sa.Column("subject", Text, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", Moment, nullable=False),
        sa.Column("blocked_until", Moment, nullable=True),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_login_attempts")),
    )
    op.create_index(op.f("ix_login_attempts_last_at"), "login_attempts", ["last_at"])
    op.add_column("audit_log", sa.Column("request_id", Text, nullable=True))
    op.add_column("audit_log", sa.Column("address", Text, nullable=True))
    op.add_column("sources", sa.Column("owner_id", Id, nullable=True))
    op.add_column("runs", sa.Column("user_id", Id, nullable=True))
    op.create_index(
        "ix_runs_user_created",
        "runs",
        ["user_id", "created_at"],
        sqlite_where=_OF_A_USER,
        postgresql_where=_OF_A_USER,
    )
    op.add_column("jobs", sa.Column("user_id", Id, nullable=True))
    for statement in statements("audit_log", dialect.name):
        op.execute(sa.text(statement))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_log_append_only() CASCADE")
    else:
        op.execute("DROP TRIGGER audit_log_no_update")
        op.execute("DROP TRIGGER audit_log_no_delete")
    op.drop_column("jobs", "user_id")
    op.drop_index("ix_runs_user_created", "runs")
    op.drop_column("runs", "user_id")
    op.drop_column("sources", "owner_id")
    op.drop_column("audit_log", "address")
    op.drop_column("audit_log", "request_id")
    op.drop_table("login_attempts")
    op.drop_column("refresh_tokens", "scopes")
    op.drop_index("ix_api_keys_user", "api_keys")
    op.drop_column("api_keys", "replaced_by")
    op.drop_column("api_keys", "role")
    op.drop_column("users", "last_login_at")
    op.drop_column("users", "quotas")
