"""A unit of work: all that is written for one request, in one transaction, whoever writes it.

In: a store. Out: a block inside of which every write of this store joins one transaction, and every read after the
first write sees it. What fails inside undoes its own part, as a transaction of its own would have been undone. Entered
by the layer that keeps answers for `Idempotency-Key`: what was done and that it was done must not come apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.store import locks
from tidemill.store.locks import Lock

if TYPE_CHECKING:
    from tidemill.store.engine import Store

_CURRENT: ContextVar[Unit | None] = ContextVar("unit", default=None)
_FIRST = (locks.EVENTS, locks.NAMES)
"""Taken before all others: parts of a unit name their locks one after the other, and these stand first in the order."""


class Unit:
    """One transaction that is begun by the first write."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._task = asyncio.current_task()
        self._stack = AsyncExitStack()
        self._connection: AsyncConnection | None = None
        self._is_over = False

    @property
    def has_written(self) -> bool:
        """Whether there is a transaction yet, and still."""
        return self._connection is not None and not self._is_over

    @property
    def is_joined(self) -> bool:
        """Whether who asks now works in it. Tasks that were begun inside write for themselves: they may outlive it, and
        must not see what is undone."""
        return not self._is_over and asyncio.current_task() is self._task

    @asynccontextmanager
    async def part(self, *wanted: Lock) -> AsyncIterator[AsyncConnection]:
        """A part of the work, with these locks; undone alone if it fails."""
        if self._connection is None:
            self._connection = await self._stack.enter_async_context(self.store.write_alone(*_FIRST, *wanted))
        else:
            await locks.take(self._connection, *wanted)
        async with self._connection.begin_nested():
            yield self._connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """The transaction, for a read."""
        if self._connection is None:
            raise RuntimeError("nothing is written yet: ask has_written first")
        yield self._connection

    async def end(self, error: BaseException | None) -> None:
        """Commit, or with an error undo everything. Raises what the commit raises."""
        self._is_over = True
        if error is None:
            await self._stack.aclose()
        else:
            await self._stack.__aexit__(type(error), error, error.__traceback__)


class Undone(Exception):
    """Ends a unit without an error: nothing of it stays."""


@asynccontextmanager
async def unit(store: Store) -> AsyncIterator[Unit]:
    """The block: committed at its end, undone if it raises. `Undone` undoes it and is raised no further."""
    made = Unit(store)
    token = _CURRENT.set(made)
    try:
        yield made
    except Undone as error:
        await _end(made, error)
    except BaseException as error:
        await _end(made, error)
        raise
    else:
        await made.end(None)
    finally:
        _CURRENT.reset(token)


def current(store: Store) -> Unit | None:
    """The unit that this task works in, if it is one of this store and not over."""
    found = _CURRENT.get()
    return found if found is not None and found.store is store and found.is_joined else None


async def _end(made: Unit, error: BaseException) -> None:
    try:
        await made.end(error)
    except type(error) as same:
        if same is not error:
            raise
