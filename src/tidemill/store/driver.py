"""aiosqlite with one hop to its thread for each statement, instead of four: open a cursor, run, fetch, close.

In: nothing. Out: a DBAPI module for `create_async_engine(module=…)`. Each hop wakes a thread and then the event loop,
which costs as much as a small statement does.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)

_UNUSED = SimpleNamespace(description=None, rowcount=-1, lastrowid=None, arraysize=1)


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """A cursor of which nothing is left in the thread when a statement has been run: its rows are here."""

    __slots__ = ()
    _awaitable_cursor_close = False

    def _make_new_cursor(self, connection: Any) -> Any:
        return _UNUSED

    def _aenter_cursor(self, cursor: Any) -> Any:
        return cursor

    async def _execute_async(self, operation: Any, parameters: Any) -> Any:
        return await self._run(lambda cursor: cursor.execute(operation, parameters or ()))

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> Any:
        return await self._run(lambda cursor: cursor.executemany(operation, seq_of_parameters))

    async def _run(self, statement: Callable[[sqlite3.Cursor], object]) -> Any:
        connection: Any = self._connection
        async with self._adapt_connection._execute_mutex:
            # aiosqlite has no public way to run a function of one's own in its thread.
            self._cursor, rows = await connection._execute(_run, connection._conn, statement)
        self._rows = deque(rows)
        return self

    def close(self) -> None:
        self._rows.clear()


def _run(
    connection: sqlite3.Connection, statement: Callable[[sqlite3.Cursor], object]
) -> tuple[SimpleNamespace, Sequence[Any]]:
    cursor = connection.cursor()
    try:
        statement(cursor)
        rows = cursor.fetchall() if cursor.description else ()
        said = SimpleNamespace(
            description=cursor.description, rowcount=cursor.rowcount, lastrowid=cursor.lastrowid, arraysize=1
        )
        return said, rows
    finally:
        cursor.close()


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ()
    _cursor_cls = _Cursor


class _Dbapi(AsyncAdapt_aiosqlite_dbapi):
    def connect(self, *arg: Any, **kw: Any) -> AsyncAdapt_aiosqlite_connection:
        return _Connection(self, super().connect(*arg, **kw)._connection)


def sqlite_driver() -> AsyncAdapt_aiosqlite_dbapi:
    """The driver for `create_async_engine`. Streams (`connection.stream`) have cursors of their own, as before."""
    return _Dbapi(aiosqlite, sqlite3)
