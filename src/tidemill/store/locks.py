"""What a transaction must have for itself on a server, where several write at once.

In: what is to be locked. Out: keys of PostgreSQL's advisory locks, which end with their transaction. SQLite needs none:
its writer is alone. A transaction names what it needs when it begins (`store.write(EVENTS, *of_sources(…))`), and they
are taken in the order of the classes below, so that no two transactions wait for each other in a circle. What is found
out later is taken with `take`, and only if it stands behind what the transaction has.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from hashlib import blake2b
from typing import NamedTuple

from sqlalchemy import ARRAY, Integer, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

_OURS = 0x7469_6400  # "tid": other programs may have locks of their own in the same database


class Class(IntEnum):
    """The order in which locks are taken."""

    SCHEMA = 1
    EVENTS = 2
    SOURCE = 3
    RUN = 4
    HOSTS = 5
    AUDIT = 6
    JOBS = 7
    KEYS = 8
    MODEL = 9
    SEARCH = 10


class Lock(NamedTuple):
    """One lock, as PostgreSQL names it with two numbers."""

    kind: int
    key: int


SCHEMA = Lock(Class.SCHEMA, 0)
"""The tables themselves."""
EVENTS = Lock(Class.EVENTS, 0)
"""The order of events, and who is the original among alike documents. Needed by whoever may append events."""
HOSTS = Lock(Class.HOSTS, 0)
"""The slots, rates and breakers of all hosts."""
AUDIT = Lock(Class.AUDIT, 0)
"""The chain of the audit log, and the letters that it tells of."""
JOBS = Lock(Class.JOBS, 0)
"""Who is at work on which job."""
KEYS = Lock(Class.KEYS, 0)
"""API keys, as a whole."""
MODEL = Lock(Class.MODEL, 0)
"""The budget of the language model."""
SEARCH = Lock(_OURS + Class.SEARCH, 0)
"""The right to write the search index. Held by a connection for as long as it lives, and by no transaction."""
SEARCH_CLUSTER = Lock(_OURS + Class.SEARCH, 1)
"""The same for an index on a cluster."""
NAMES = Lock(Class.SOURCE, -1)
"""The names and versions of sources."""

_TAKE = text("SELECT pg_advisory_xact_lock(kind, key) FROM unnest(:kinds, :keys) AS wanted(kind, key)").bindparams(
    bindparam("kinds", type_=ARRAY(Integer)), bindparam("keys", type_=ARRAY(Integer))
)


def of_sources(source_ids: Iterable[str]) -> list[Lock]:
    """The pages of these sources, and the visits of their runs."""
    return [Lock(Class.SOURCE, _number(each)) for each in set(source_ids)]


def of_runs(run_ids: Iterable[str]) -> list[Lock]:
    """What is leased, recorded and counted of these runs."""
    return [Lock(Class.RUN, _number(each)) for each in set(run_ids)]


async def take(connection: AsyncConnection, *locks: Lock) -> None:
    """Have these locks until the transaction ends; waits for whoever has one of them."""
    if locks and connection.dialect.name == "postgresql":
        wanted = sorted(set(locks))
        kinds = [_OURS + each.kind for each in wanted]
        await connection.execute(_TAKE, {"kinds": kinds, "keys": [each.key for each in wanted]})


def _number(identifier: str) -> int:
    """Two that fall together only wait for each other."""
    return int.from_bytes(blake2b(identifier.encode(), digest_size=4).digest(), "big", signed=True)
