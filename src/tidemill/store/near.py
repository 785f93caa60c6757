"""The leaders of groups of equal documents, as nodes of the graph of what is alike, and how they are read.

In: identifiers, contents, URLs. Out: nodes, members, texts, rules of sources. Called by `graph`, `leaders` and
`duplicates`, inside their transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    RowMapping,
    Select,
    String,
    and_,
    bindparam,
    func,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.models.document import DocumentState
from tidemill.models.source import ProcessRules
from tidemill.store import buckets, event_matches
from tidemill.store.buckets import Key
from tidemill.store.dialect import by_dialect, list_of
from tidemill.store.event_matches import Happening, happening
from tidemill.store.judge import Member, Standing
from tidemill.store.tables import documents, leaders, sources

LIVE = (DocumentState.CURRENT.value, DocumentState.DUPLICATE.value)
_MOST_AT_ONCE = 500
_DEFAULT = ProcessRules()
_MEMBER = (
    documents.c.id,
    documents.c.source_id,
    documents.c.page_id,
    documents.c.url,
    documents.c.item_key,
    documents.c.canonical_url,
    documents.c.content_hash,
    documents.c.state,
    documents.c.duplicate_of,
    documents.c.similarity,
)
_NODE = (*_MEMBER, documents.c.kind, documents.c.title, documents.c.fields, leaders.c.signature)
_NAMED_AMONG = """SELECT value AS url FROM {listed} WHERE EXISTS (
        SELECT 1 FROM documents
        WHERE canonical_url = value AND url <> value AND state IN ('current', 'duplicate')
    )
    """
_NAMED = text(_NAMED_AMONG.format(listed="json_each(:urls)")).columns(url=String)
_NAMED_ON_SERVER = (
    text(_NAMED_AMONG.format(listed="unnest(:urls) AS listed(value)"))
    .bindparams(bindparam("urls", type_=ARRAY(documents.c.url.type)))
    .columns(url=String)
)


def _two_best() -> Select[Any]:
    """The two best of the equal documents of each source. Made once: to write it takes longer than to run it."""
    namer = documents.alias("namer")
    named = (
        select(namer.c.id)
        .where(namer.c.canonical_url == documents.c.url, namer.c.url != documents.c.url, namer.c.state.in_(LIVE))
        .exists()
    )
    merit = (named.desc(), documents.c.url, documents.c.item_key, documents.c.id)
    place = func.row_number().over(partition_by=(documents.c.content_hash, documents.c.source_id), order_by=merit)
    wanted = and_(documents.c.content_hash.in_(bindparam("hashes", expanding=True)), documents.c.state.in_(LIVE))
    columns = (documents.c.id, documents.c.source_id, documents.c.content_hash, place.label("place"))
    ranked = select(*columns).where(wanted).subquery("ranked")
    return select(ranked).where(ranked.c.place <= 2)


_TWO_BEST = _two_best()


@dataclass(slots=True, eq=False)
class Node:
    """A group of equal documents, by its leader. `standing` changes while it is judged; `text` is not always read."""

    member: Member
    standing: Standing
    title: str
    event: Happening | None
    signature: bytes
    text: str | None = None
    keys: tuple[Key, ...] = ()
    """Under which others that are alike find it. Filled in by `near_keys`, since a signature may come later."""
    sketched: bytes = b""

    @property
    def id(self) -> str:
        return self.member.id

    @property
    def is_original(self) -> bool:
        return self.standing.state is DocumentState.CURRENT

    def near_keys(self) -> Sequence[Key]:
        """The keys under which others that are alike find it."""
        if not self.keys:
            self.keys = tuple(buckets.event_keys(self.event) if self.event else buckets.text_keys(self.signature))
        return self.keys

    def sketch(self) -> bytes:
        """What tells those apart that share a key and are not alike."""
        if not self.sketched:
            self.sketched = event_matches.sketch(self.event) if self.event else buckets.sketch(self.signature)
        return self.sketched

    def sieve(self, threshold: float) -> Callable[[bytes], bool]:
        """Whether what has a sketch may be alike to it, where texts are from this similarity on."""
        return event_matches.sieve(self.sketch()) if self.event else buckets.sieve(self.sketch(), threshold)

    def wants(self) -> Sequence[Key]:
        """The keys under which it finds others."""
        return buckets.event_wants(self.event) if self.event else self.near_keys()


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a source says of duplicates: from which similarity (`None`: only equal ones), and of which sources.

    `pool` is empty for all sources that look at each other's documents, else the source's own identifier.
    """

    threshold: float | None
    pool: str


def node(
    member: Member, kind: str, title: str, fields: Mapping[str, Any], signature: bytes | None, text: str | None = None
) -> Node:
    """A node of what a document says."""
    event = happening(title, fields) if kind == "event" else None
    return Node(member, member.standing, title, event, signature or b"", text)


def member_of(row: RowMapping) -> Member:
    """A row of `documents` in the eyes of the judge."""
    return Member(
        id=row["id"],
        source_id=row["source_id"],
        page_id=row["page_id"],
        url=row["url"],
        item_key=row["item_key"],
        canonical_url=row["canonical_url"],
        content_hash=row["content_hash"],
        standing=Standing(DocumentState(row["state"]), row["duplicate_of"], row["similarity"]),
    )


async def comparisons(connection: AsyncConnection, source_ids: Collection[str]) -> dict[str, Comparison]:
    """What these sources say of duplicates."""
    statement = select(sources.c.id, sources.c.spec).where(sources.c.id.in_(source_ids))
    found = {}
    for row in await connection.execute(statement):
        rules = row.spec.get("process", {})
        is_shared = rules.get("across_sources", _DEFAULT.across_sources)
        threshold = rules.get("near_duplicates", _DEFAULT.near_duplicates)
        found[row.id] = Comparison(threshold, "" if is_shared else row.id)
    return found


async def load(connection: AsyncConnection, identifiers: Iterable[str]) -> list[Node]:
    """The live ones of these documents as nodes."""
    wanted = list(identifiers)
    found: list[Node] = []
    statement = select(*_NODE).outerjoin_from(documents, leaders, leaders.c.document_id == documents.c.id)
    for at in range(0, len(wanted), _MOST_AT_ONCE):
        some = documents.c.id.in_(wanted[at : at + _MOST_AT_ONCE])
        rows = await connection.execute(statement.where(some, documents.c.state.in_(LIVE)))
        found += [node(member_of(r), r["kind"], r["title"], r["fields"], r["signature"]) for r in rows.mappings()]
    return found


async def members(connection: AsyncConnection, condition: Any) -> list[Member]:
    """The live documents that meet a condition."""
    rows = await connection.execute(select(*_MEMBER).where(condition, documents.c.state.in_(LIVE)))
    return [member_of(row) for row in rows.mappings()]


async def members_at(connection: AsyncConnection, urls: Collection[str]) -> list[Member]:
    """The live documents at these URLs, of whatever source: looked up source by source, for which there is an index."""
    return await members(connection, and_(documents.c.source_id.in_(select(sources.c.id)), documents.c.url.in_(urls)))


async def best_of(connection: AsyncConnection, hashes: Collection[str]) -> tuple[dict[tuple[str, str], str], set[str]]:
    """The best of the equal documents of each source by (source, content hash), and the hashes that several share."""
    best: dict[tuple[str, str], str] = {}
    shared: set[str] = set()
    seen: set[str] = set()
    for row in await connection.execute(_TWO_BEST, {"hashes": list(hashes)}):
        shared |= {row.content_hash} & seen
        seen.add(row.content_hash)
        if row.place == 1:
            best[row.source_id, row.content_hash] = row.id
    return best, shared


async def named(connection: AsyncConnection, urls: Iterable[str]) -> set[str]:
    """Those of these URLs that a document of another URL names as its canonical one."""
    statement = by_dialect(connection, sqlite=_NAMED, postgresql=_NAMED_ON_SERVER)
    given = {"urls": list_of(connection, sorted(set(urls)))}
    return set((await connection.execute(statement, given)).scalars())


async def texts(connection: AsyncConnection, identifiers: Collection[str]) -> dict[str, str]:
    """The texts of these documents."""
    statement = select(documents.c.id, documents.c.content).where(documents.c.id.in_(identifiers))
    return {row.id: row.content for row in await connection.execute(statement)}
