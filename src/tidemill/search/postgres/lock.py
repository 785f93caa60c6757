"""The right to write a search index, as a lock that a connection to the database holds for as long as it lives."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import Transient
from tidemill.store.engine import Store
from tidemill.store.locks import Lock

_LOCK = text("SELECT pg_try_advisory_lock(:kind, :key)")
_UNLOCK = text("SELECT pg_advisory_unlock(:kind, :key)")
_ALIVE = text("SELECT 1")


class ServerLock:
    """A `WriterLock` in the database of `store`, which must be PostgreSQL. `connection` is the one that holds it."""

    def __init__(self, store: Store, lock: Lock) -> None:
        self._store = store
        self._key = {"kind": lock.kind, "key": lock.key}
        self.connection: AsyncConnection | None = None

    @property
    def held(self) -> bool:
        """See `WriterLock`."""
        return self.connection is not None

    async def try_acquire(self) -> bool:
        """See `WriterLock`. Raises `Transient` if the database is gone."""
        if self.connection is not None:
            return True
        connection = self._store.writer.connect()
        try:
            await connection.start()
            held = bool(await connection.scalar(_LOCK, self._key))
            await connection.commit()
        except BaseException as error:
            await self._give_back(connection)
            raise self.explained(error) from error
        if not held:
            await connection.close()
            return False
        self.connection = connection
        return True

    async def check(self) -> None:
        """See `WriterLock`: asks over the wire that holds the lock."""
        connection = self.connection
        if connection is None:
            raise Transient("the right to write the search index was lost", reason="index_locked")
        try:
            await connection.execute(_ALIVE)
            await connection.commit()
        except BaseException as error:
            await self.release()
            raise self.explained(error) from error

    async def release(self) -> None:
        """See `WriterLock`."""
        connection, self.connection = self.connection, None
        if connection is not None:
            await self._give_back(connection)

    def explained(self, error: BaseException) -> BaseException:
        """What the driver raised as an error of the house."""
        if not isinstance(error, Exception):
            return error
        known = self._store.database.explain(error, writing=True)
        return known or (Transient(str(error), reason="database_unavailable") if isinstance(error, OSError) else error)

    async def _give_back(self, connection: AsyncConnection) -> None:
        """The lock, then the connection; one that cannot do that any more is ended, and the lock with it."""
        try:
            if connection.in_transaction():
                await connection.rollback()
            await connection.execute(_UNLOCK, self._key)
            await connection.commit()
        except (SQLAlchemyError, OSError):
            await connection.invalidate()
        finally:
            await connection.close()
