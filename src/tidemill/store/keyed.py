"""Rows of `signatures` and `minhashes`: under which keys the leaders of groups are found.

In: keys and nodes. Out: identifiers. Called by `graph`, `leaders` and `duplicates`, inside their transaction; nothing
else touches these tables.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Integer, and_, bindparam, delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.store import buckets
from tidemill.store.buckets import Key
from tidemill.store.dialect import by_dialect, list_of
from tidemill.store.many import execute_many
from tidemill.store.near import Node
from tidemill.store.tables import documents, minhashes, signatures

_MOST_ALIKE = 50
_MOST_EVENTS = 1000
_MOST_AT_ONCE = 500
_BY_KEY = text(
    """SELECT found.band, found.bucket, found.document_id
    FROM json_each(:wanted) AS wanted
    JOIN signatures AS found ON found.rowid IN (
        SELECT rowid FROM signatures
        WHERE band = json_extract(wanted.value, '$[0]') AND bucket = json_extract(wanted.value, '$[1]')
        ORDER BY rowid LIMIT :most
    )
    """
).columns(band=Integer, bucket=BigInteger, document_id=signatures.c.document_id.type)
_BY_KEY_ON_SERVER = (
    text(
        """SELECT found.band, found.bucket, found.document_id
    FROM unnest(:bands, :buckets) AS wanted(band, bucket) CROSS JOIN LATERAL (
        SELECT band, bucket, document_id FROM signatures
        WHERE band = wanted.band AND bucket = wanted.bucket
        ORDER BY document_id LIMIT :most
    ) AS found
    """
    )
    .bindparams(bindparam("bands", type_=ARRAY(Integer)), bindparam("buckets", type_=ARRAY(BigInteger)))
    .columns(band=Integer, bucket=BigInteger, document_id=signatures.c.document_id.type)
)
_ADD_KEY = insert(signatures)
_ADD_SIGNATURE = insert(minhashes)
_MARK = (
    signatures.update()
    .where(signatures.c.document_id == bindparam("b_id"))
    .values(bucket=signatures.c.bucket.op("/")(2) * 2 + bindparam("b_flag"))
)


async def by_keys(
    connection: AsyncConnection, of_originals: Iterable[Key] = (), of_duplicates: Iterable[Key] = ()
) -> dict[Key, list[str]]:
    """The leaders that are originals under these keys, and those that are none under those.

    At most 50 of each under one key, 1000 of events, since on a Saturday at eight there may be many.
    """
    wanted = {*of_originals, *((band, bucket + 1) for band, bucket in of_duplicates)}
    of_events = {key for key in wanted if buckets.is_of_event(key)}
    found: dict[Key, list[str]] = {}
    for keys, most in ((wanted - of_events, _MOST_ALIKE), (of_events, _MOST_EVENTS)):
        if keys:
            for row in await _first_under(connection, sorted(keys), most):
                found.setdefault((row.band, row.bucket & ~1), []).append(row.document_id)
    return found


async def _first_under(connection: AsyncConnection, keys: Sequence[Key], most: int) -> Iterable[Any]:
    bands, buckets_ = zip(*keys, strict=True)
    on_server: dict[str, object] = {"bands": list(bands), "buckets": list(buckets_)}
    in_file: dict[str, object] = {"wanted": list_of(connection, keys)}
    given = by_dialect(connection, sqlite=in_file, postgresql=on_server)
    statement = by_dialect(connection, sqlite=_BY_KEY, postgresql=_BY_KEY_ON_SERVER)
    return await connection.execute(statement, {**given, "most": most})


async def leaders_among(connection: AsyncConnection, identifiers: Collection[str]) -> dict[str, bytes]:
    """Those of these documents that lead a group, in whatever state, with their signatures."""
    keyed = signatures.outerjoin(minhashes, minhashes.c.document_id == signatures.c.document_id)
    statement = (
        select(signatures.c.document_id, minhashes.c.signature)
        .select_from(keyed)
        .where(signatures.c.document_id.in_(identifiers), signatures.c.band == buckets.CONTENT)
    )
    return {row.document_id: row.signature or b"" for row in await connection.execute(statement)}


async def leaders_named_by(connection: AsyncConnection, originals: Sequence[str]) -> list[str]:
    """The leaders that are duplicates of these documents."""
    leads = and_(signatures.c.document_id == documents.c.id, signatures.c.band == buckets.CONTENT)
    led = select(signatures.c.band).where(leads).exists()
    found: list[str] = []
    for at in range(0, len(originals), _MOST_AT_ONCE):
        of_these = documents.c.duplicate_of.in_(originals[at : at + _MOST_AT_ONCE])
        found += (await connection.execute(select(documents.c.id).where(of_these, led))).scalars()
    return found


async def forget(connection: AsyncConnection, identifiers: Collection[str]) -> None:
    """These documents lead no group any more."""
    if identifiers:
        await connection.execute(delete(signatures).where(signatures.c.document_id.in_(identifiers)))
        await connection.execute(delete(minhashes).where(minhashes.c.document_id.in_(identifiers)))


async def remember(connection: AsyncConnection, leaders: Sequence[Node]) -> None:
    """Write down under which keys these leaders are found."""
    keys = [
        {"document_id": each.id, "band": band, "bucket": bucket + (not each.is_original)}
        for each in leaders
        for band, bucket in (buckets.content_key(each.member.content_hash), *each.near_keys())
    ]
    if keys:
        await execute_many(connection, _ADD_KEY, keys)
    signed = [{"document_id": each.id, "signature": each.signature} for each in leaders if each.signature]
    if signed:
        await execute_many(connection, _ADD_SIGNATURE, signed)


async def mark(connection: AsyncConnection, leaders: Sequence[Node]) -> None:
    """Write down whether these leaders are originals."""
    if leaders:
        rows = [{"b_id": each.id, "b_flag": int(not each.is_original)} for each in leaders]
        await connection.execute(_MARK, rows)
