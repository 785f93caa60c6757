"""What is left of the visits of an old run: its totals."""

import sqlalchemy as sa
from alembic import op

from tidemill.store.types import Jsonb, Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("totals", Jsonb, nullable=True))
    op.add_column("runs", sa.Column("compacted_at", Moment, nullable=True))


def downgrade() -> None:
    op.drop_column("runs", "compacted_at")
    op.drop_column("runs", "totals")
