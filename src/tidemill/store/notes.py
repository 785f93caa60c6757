"""Notes that processes leave for each other in `meta`: a key and a value, the last one written counts."""

from __future__ import annotations

from sqlalchemy import delete, select

from tidemill.store.engine import Store
from tidemill.store.engine import insert as upsert
from tidemill.store.tables import meta

REBUILD_INDEX = "search.rebuild"
"""The search index is to be built anew by whoever writes it; the value tells one request from another."""


async def put(store: Store, key: str, value: str) -> str:
    """Leave a note; gives its value."""
    statement = upsert(meta).values(key=key, value=value)
    async with store.write() as connection:
        await connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))
    return value


async def get(store: Store, key: str) -> str | None:
    """The note, if there is one."""
    async with store.read() as connection:
        found = await connection.scalar(select(meta.c.value).where(meta.c.key == key))
        return None if found is None else str(found)


async def drop(store: Store, key: str, value: str) -> None:
    """Take a note away, unless another was left in its place."""
    async with store.write() as connection:
        await connection.execute(delete(meta).where(meta.c.key == key, meta.c.value == value))
