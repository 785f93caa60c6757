"""Lists of all runs and of all documents are read by an index: that of documents holds what they are chosen by."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_COLUMNS = ["state", "id", "kind", "language", "published_at", "updated_at"]


def upgrade() -> None:
    op.create_index("ix_documents_listed", "documents", _COLUMNS)
    op.create_index("ix_runs_created", "runs", ["created_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_runs_created", "runs")
    op.drop_index("ix_documents_listed", "documents")
