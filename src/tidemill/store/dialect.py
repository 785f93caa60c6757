"""Where SQLite and PostgreSQL must be spoken to differently: one function for each difference.

In: a connection and what is meant. Out: what its database understands. Called by the modules of the store; no other
asks which database it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import orjson
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["by_dialect", "hint", "insert", "is_server", "list_of"]
# `insert` is PostgreSQL's: its `ON CONFLICT` reads the same in SQLite.

T = TypeVar("T")


def is_server(connection: AsyncConnection | Connection) -> bool:
    """Whether several may write at once."""
    return connection.dialect.name == "postgresql"


def by_dialect(connection: AsyncConnection, *, sqlite: T, postgresql: T) -> T:
    """The one of two statements that this database understands."""
    return postgresql if is_server(connection) else sqlite


def list_of(connection: AsyncConnection, values: Sequence[object]) -> object:
    """A list as one bound value: JSON for `json_each`, an array for `unnest`."""
    return list(values) if is_server(connection) else orjson.dumps(values).decode()


def hint(connection: AsyncConnection, index: str) -> str:
    """Which index a statement must use. PostgreSQL knows how many rows there are, and finds it by itself."""
    return "" if is_server(connection) else f" INDEXED BY {index}"
