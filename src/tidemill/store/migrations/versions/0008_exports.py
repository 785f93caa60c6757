"""Finding the exports that wait, and those that a user has started today, without reading every job."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_open, is_owned = sa.text("finished_at IS NULL"), sa.text("user_id IS NOT NULL")
    op.create_index("ix_jobs_open", "jobs", ["kind", "id"], sqlite_where=is_open, postgresql_where=is_open)
    op.create_index(
        "ix_jobs_user_created", "jobs", ["user_id", "created_at"], sqlite_where=is_owned, postgresql_where=is_owned
    )


def downgrade() -> None:
    op.drop_index("ix_jobs_user_created", "jobs")
    op.drop_index("ix_jobs_open", "jobs")
