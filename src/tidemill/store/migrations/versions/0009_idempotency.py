"""Answers kept for `Idempotency-Key` bear their headers, and are found by their age when they are let go."""

import sqlalchemy as sa
from alembic import op

from tidemill.store.types import Jsonb

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("idempotency_keys", sa.Column("headers", Jsonb, nullable=True))
    op.create_index("ix_idempotency_keys_created", "idempotency_keys", ["created_at"])


def downgrade() -> None:
    op.drop_index("ix_idempotency_keys_created", "idempotency_keys")
    op.drop_column("idempotency_keys", "headers")
