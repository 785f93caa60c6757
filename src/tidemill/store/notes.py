"""Notes that processes leave for each other in `meta`: a key and a value, the last one written counts."""

from __future__ import annotations

from sqlalchemy import BigInteger, String, cast, select

from tidemill.store.engine import Store
from tidemill.store.engine import insert as upsert
from tidemill.store.tables import meta

REBUILDS_ASKED = "search.rebuilds_asked"
"""How often it was asked that search indexes be built anew; each index knows which request it fulfilled last."""


async def get(store: Store, key: str) -> str | None:
    """The note, if there is one."""
    async with store.read() as connection:
        found = await connection.scalar(select(meta.c.value).where(meta.c.key == key))
        return None if found is None else str(found)


async def count_up(store: Store, key: str) -> int:
    """Make the number that a note is one more, from none to 1; gives the new one, and no two callers the same."""
    statement = upsert(meta).values(key=key, value="1")
    more = cast(cast(meta.c.value, BigInteger) + 1, String)
    counted = statement.on_conflict_do_update(index_elements=["key"], set_={"value": more}).returning(meta.c.value)
    async with store.write() as connection:
        return int((await connection.execute(counted)).scalar_one())
