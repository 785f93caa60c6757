"""SQLite is told how its indexes are made up, as it is in new databases: see `store.planner`."""

from alembic import op

from tidemill.store import planner

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    planner.tell(op.get_bind())


def downgrade() -> None:
    """What SQLite was told stays true."""
