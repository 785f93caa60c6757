"""What the tables share: their metadata with its names of constraints, and columns that many of them have."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import CheckConstraint, Column, ForeignKey, MetaData

from tidemill.store.types import Id, Moment

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """The values that a column may have."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def team() -> Column[str]:
    """The team whose it is."""
    return Column("team_id", Id, ForeignKey("teams.id"), nullable=True)


def owner(name: str) -> Column[str]:
    """The user whose it is. No foreign key: SQLite would have to make the whole table anew, and users are kept."""
    return Column(name, Id, nullable=True)


def created() -> Column[object]:
    """When it was made."""
    return Column("created_at", Moment, nullable=False)
