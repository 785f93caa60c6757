"""The words of the table: those near a misspelt one, and those that begin like what is being typed."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.distance import OSA
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_MOST_NEAR = 20
_MOST_LOOKED_AT = 50_000
_ALIKE = text(
    "SELECT term FROM search_terms WHERE generation = :generation AND term >= :low AND term < :high"
    " AND length(term) BETWEEN :shortest AND :longest LIMIT :most"
)
_BEGUN = text(
    "SELECT term FROM search_terms WHERE generation = :generation AND term >= :low AND term < :high"
    " ORDER BY length(term), term LIMIT :most"
)


async def near_words(
    connection: AsyncConnection, generation: int, words: Sequence[tuple[str, int]]
) -> dict[str, tuple[str, ...]]:
    """For each (word, distance) the words of the table that differ by at most so many letters, the nearest first.

    Only words with the same first letter, or with the first two exchanged, are looked at.
    """
    found: dict[str, tuple[str, ...]] = {}
    for word, distance in words:
        if not distance:
            continue
        near: list[tuple[int, str]] = []
        for first in dict.fromkeys((word[0], word[1])):
            terms = await _alike(connection, generation, word, first, distance)
            near += [(OSA.distance(word, term), term) for term in terms]
        kept = sorted(each for each in near if 0 < each[0] <= distance)[:_MOST_NEAR]
        found[word] = tuple(term for _, term in kept)
    return found


async def begun_words(connection: AsyncConnection, generation: int, begin: str, most: int) -> list[str]:
    """Words that begin so, the shortest first."""
    rows = await connection.execute(
        _BEGUN, {"generation": generation, "low": begin, "high": begin + "\U0010ffff", "most": most}
    )
    return list(rows.scalars())


async def _alike(connection: AsyncConnection, generation: int, word: str, first: str, distance: int) -> list[str]:
    rows = await connection.execute(
        _ALIKE,
        {
            "generation": generation,
            "low": first,
            "high": first + "\U0010ffff",
            "shortest": len(word) - distance,
            "longest": len(word) + distance,
            "most": _MOST_LOOKED_AT,
        },
    )
    return list(rows.scalars())
