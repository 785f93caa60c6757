"""How often something was searched for on a day, and how often nothing was found."""

import sqlalchemy as sa
from alembic import op

from tidemill.store.types import String, Text

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "search_queries",
        sa.Column("day", String(10), nullable=False),
        sa.Column("query", Text, nullable=False),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("empty", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("day", "query", name="pk_search_queries"),
    )


def downgrade() -> None:
    op.drop_table("search_queries")
