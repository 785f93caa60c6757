"""How far the table is: which of its generations is searched, of which version and database, and up to which event.

One row, changed in the transaction of the documents that it tells of.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.search.base import Position

VERSION = 1
"""To be raised with any change of the rows or the analysis: a table of another version is filled anew."""

_READ = text("SELECT version, epoch, event_id, generation FROM search_state")
_WRITE = text(
    "INSERT INTO search_state (name, version, epoch, event_id, generation)"
    " VALUES ('documents', :version, :epoch, :event_id, :generation)"
    " ON CONFLICT (name) DO UPDATE SET version = excluded.version, epoch = excluded.epoch,"
    " event_id = excluded.event_id, generation = excluded.generation"
)


@dataclass(frozen=True, slots=True)
class State:
    """`generation` tells the rows that are searched from those of an index that is being built."""

    version: int
    epoch: str
    event_id: int
    generation: int

    @property
    def position(self) -> Position:
        """As the port has it."""
        return Position(self.epoch, self.event_id)


async def read_state(connection: AsyncConnection) -> State | None:
    """The state, or `None` if nothing was ever written."""
    row = (await connection.execute(_READ)).one_or_none()
    return State(row.version, row.epoch, row.event_id, row.generation) if row else None


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
