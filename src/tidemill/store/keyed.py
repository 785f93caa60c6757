"""Rows of `leaders` and `signatures`: under which keys the leaders of groups are found.

In: keys and nodes. Out: identifiers. Called by `graph`, `leaders` and `duplicates`, inside their transaction; nothing
else writes these tables.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ARRAY, BigInteger, LargeBinary, bindparam, delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.store import buckets
from tidemill.store.buckets import Key
from tidemill.store.dialect import by_dialect, list_of
from tidemill.store.many import execute_many, execute_plain
from tidemill.store.near import Node
from tidemill.store.tables import documents, leaders, signatures

_MOST_ALIKE = 200
_MOST_EVENTS = 1000
_MOST_AT_ONCE = 500
_BY_KEY = text(
    """SELECT found.bucket, found.number, found.sketch
    FROM json_each(:wanted) AS wanted
    JOIN signatures AS found ON found.bucket = wanted.value AND found.number < coalesce(
        (SELECT number FROM signatures WHERE bucket = wanted.value ORDER BY number LIMIT 1 OFFSET :most), 9e18
    )
    """
).columns(bucket=BigInteger, number=BigInteger, sketch=LargeBinary)
_BY_KEY_ON_SERVER = (
    text(
        """SELECT found.bucket, found.number, found.sketch
    FROM unnest(:wanted) AS wanted(value) CROSS JOIN LATERAL (
        SELECT bucket, number, sketch FROM signatures WHERE bucket = wanted.value ORDER BY number LIMIT :most
    ) AS found
    """
    )
    .bindparams(bindparam("wanted", type_=ARRAY(BigInteger)))
    .columns(bucket=BigInteger, number=BigInteger, sketch=LargeBinary)
)
_ADD_KEY = insert(signatures)
_ADD_LEADER = insert(leaders)
_LAST = select(func.coalesce(func.max(leaders.c.number), 0))
_MARK = (
    signatures.update()
    .where(
        signatures.c.number
        == select(leaders.c.number).where(leaders.c.document_id == bindparam("b_id")).scalar_subquery()
    )
    .values(bucket=signatures.c.bucket.op("/")(2) * 2 + bindparam("b_flag"))
)


@dataclass(frozen=True, slots=True)
class Found:
    """A leader under a key: its number, and the sketch of its text."""

    number: int
    sketch: bytes


async def by_keys(
    connection: AsyncConnection, of_originals: Iterable[Key] = (), of_duplicates: Iterable[Key] = ()
) -> dict[Key, list[Found]]:
    """The leaders that are originals under these keys, and those that are none under those.

    At most 200 of each under one key, 1000 of events, since on a Saturday at eight there may be many.
    """
    wanted = {*of_originals, *(key | buckets.DUPLICATE for key in of_duplicates)}
    of_events = {key for key in wanted if buckets.is_of_event(key)}
    found: dict[Key, list[Found]] = {}
    for keys, most in ((wanted - of_events, _MOST_ALIKE), (of_events, _MOST_EVENTS)):
        if keys:
            given = {"wanted": list_of(connection, sorted(keys)), "most": most}
            statement = by_dialect(connection, sqlite=_BY_KEY, postgresql=_BY_KEY_ON_SERVER)
            for bucket, number, sketch in (await connection.execute(statement, given)).all():
                found.setdefault(bucket & ~buckets.DUPLICATE, []).append(Found(number, sketch))
    return found


async def documents_of(connection: AsyncConnection, numbers: Iterable[int]) -> dict[int, str]:
    """The documents that have these numbers as leaders."""
    wanted = sorted(numbers)
    found: dict[int, str] = {}
    for at in range(0, len(wanted), _MOST_AT_ONCE):
        some = leaders.c.number.in_(wanted[at : at + _MOST_AT_ONCE])
        rows = await connection.execute(select(leaders.c.number, leaders.c.document_id).where(some))
        found.update({row.number: row.document_id for row in rows})
    return found


async def leaders_among(connection: AsyncConnection, identifiers: Collection[str]) -> dict[str, bytes]:
    """Those of these documents that lead a group, in whatever state, with their signatures."""
    statement = select(leaders.c.document_id, leaders.c.signature).where(leaders.c.document_id.in_(identifiers))
    return {row.document_id: row.signature for row in await connection.execute(statement)}


async def leaders_named_by(connection: AsyncConnection, originals: Sequence[str]) -> list[str]:
    """The leaders that are duplicates of these documents."""
    led = select(leaders.c.number).where(leaders.c.document_id == documents.c.id).exists()
    found: list[str] = []
    for at in range(0, len(originals), _MOST_AT_ONCE):
        of_these = documents.c.duplicate_of.in_(originals[at : at + _MOST_AT_ONCE])
        found += (await connection.execute(select(documents.c.id).where(of_these, led))).scalars()
    return found


async def forget(connection: AsyncConnection, identifiers: Collection[str]) -> None:
    """These documents lead no group any more. Their keys go with them."""
    if identifiers:
        await connection.execute(delete(leaders).where(leaders.c.document_id.in_(identifiers)))


async def remember(connection: AsyncConnection, leading: Sequence[Node]) -> None:
    """Write down under which keys these leaders are found. Numbers are given out here: nobody else writes meanwhile."""
    if not leading:
        return
    last = (await connection.execute(_LAST)).scalar_one()
    numbered = list(enumerate(leading, last + 1))
    rows = [{"number": n, "document_id": each.id, "signature": each.signature} for n, each in numbered]
    await execute_many(connection, _ADD_LEADER, rows)
    keys = [(key | (not each.is_original), number, sketch) for number, each in numbered for key, sketch in _keys(each)]
    await execute_plain(connection, _ADD_KEY, ("bucket", "number", "sketch"), sorted(keys))


def _keys(leader: Node) -> list[tuple[Key, bytes]]:
    near = dict.fromkeys(leader.near_keys(), leader.sketch())
    return [(buckets.content_key(leader.member.content_hash), b""), *near.items()]


async def mark(connection: AsyncConnection, leading: Sequence[Node]) -> None:
    """Write down whether these leaders are originals."""
    if leading:
        rows = [{"b_id": each.id, "b_flag": int(not each.is_original)} for each in leading]
        await connection.execute(_MARK, rows)
