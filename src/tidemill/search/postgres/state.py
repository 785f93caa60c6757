"""How far the table is: which of its generations is searched, of which version and database, and up to which event.

One row, changed in the transaction of the documents that it tells of; and a note of the last rebuild beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.search.base import Position

VERSION = 1
"""To be raised with any change of the rows or the analysis: a table of another version is filled anew."""

_REBUILT = "search.rebuilt.postgresql"
_READ = text(
    "SELECT version, epoch, event_id, generation,"
    f" COALESCE((SELECT CAST(value AS bigint) FROM meta WHERE key = '{_REBUILT}'), 0) AS rebuilt FROM search_state"
)
_WRITE = text(
    "INSERT INTO search_state (name, version, epoch, event_id, generation)"
    " VALUES ('documents', :version, :epoch, :event_id, :generation)"
    " ON CONFLICT (name) DO UPDATE SET version = excluded.version, epoch = excluded.epoch,"
    " event_id = excluded.event_id, generation = excluded.generation"
)
_NOTE = text(
    f"INSERT INTO meta (key, value) VALUES ('{_REBUILT}', CAST(:rebuilt AS text))"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE meta.value <> excluded.value"
)


@dataclass(frozen=True, slots=True)
class State:
    """`generation` tells the rows that are searched from those of an index that is being built.

    `rebuilt` is the last request to build the index anew that it has fulfilled.
    """

    version: int
    epoch: str
    event_id: int
    generation: int
    rebuilt: int = 0

    @property
    def position(self) -> Position:
        """As the port has it."""
        return Position(self.epoch, self.event_id, self.rebuilt)


async def read_state(connection: AsyncConnection) -> State | None:
    """The state, or `None` if nothing was ever written."""
    row = (await connection.execute(_READ)).one_or_none()
    return State(row.version, row.epoch, row.event_id, row.generation, row.rebuilt) if row else None


async def write_state(connection: AsyncConnection, state: State) -> None:
    """Replace the state."""
    await connection.execute(
        _WRITE,
        {
            "version": state.version,
            "epoch": state.epoch,
            "event_id": state.event_id,
            "generation": state.generation,
        },
    )
    await connection.execute(_NOTE, {"rebuilt": str(state.rebuilt)})
