"""Answers that were given under an `Idempotency-Key`: found, kept in the transaction of what they tell of, let go.

In: whose key it is, hashes of the key and of the request, and the answer. Out: the answer that was given first. Called
by `http.idempotency`. Keys and bodies are not stored, only hashes that nobody can compute without the key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, select, tuple_

from tidemill.store.engine import Store, insert
from tidemill.store.tables import idempotency_keys as table


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, and the hash of the request that it was given to. `headers` are pairs of text."""

    request_hash: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str


async def find(store: Store, scope: str, key: str, since: datetime) -> Kept | None:
    """What was answered under this key since then."""
    is_it = and_(table.c.scope == scope, table.c.key == key, table.c.created_at >= since)
    async with store.read() as connection:
        row = (await connection.execute(select(table).where(is_it))).mappings().one_or_none()
    if row is None:
        return None
    headers = tuple((str(name), str(value)) for name, value in row["headers"] or ())
    return Kept(row["request_hash"], row["status_code"], headers, row["response"])


async def keep(store: Store, scope: str, key: str, answer: Kept, since: datetime) -> bool:
    """Keep an answer, unless there is one from since then: then nothing is done, and it is false.

    Whoever keeps one for the same key at the same time is waited for.
    """
    given = {
        "request_hash": answer.request_hash,
        "status_code": answer.status,
        "headers": [list(pair) for pair in answer.headers],
        "response": answer.body,
    }
    async with store.write() as connection:
        given["created_at"] = store.now()
        new = insert(table).values(scope=scope, key=key, **given)
        is_old = table.c.created_at < since
        done = await connection.execute(
            new.on_conflict_do_update(index_elements=["scope", "key"], set_=given, where=is_old)
        )
        return done.rowcount == 1


async def sweep(store: Store, before: datetime, at_once: int = 1000) -> int:
    """Let go of answers that are older; says how many."""
    gone = 0
    key = (table.c.scope, table.c.key)
    some = select(*key).where(table.c.created_at < before).limit(at_once)
    while True:
        async with store.write() as connection:
            number = (await connection.execute(delete(table).where(tuple_(*key).in_(some)))).rowcount
        gone += number
        if number < at_once:
            return gone
