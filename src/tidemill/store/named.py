"""Which archived bodies are named, and which captures are old enough to go. Called by `manage.archives`.

A body is named by a capture: as what a page answered, or as its picture.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, exists, func, select, update

from tidemill.store import locks
from tidemill.store.engine import Store
from tidemill.store.tables import captures, dead_letters, documents, events, pages, runs, waiting

_AT_ONCE = 1000


async def pictures(store: Store) -> frozenset[str]:
    """The hashes of all pictures of pages. They are few, and have no index of their own."""
    statement = select(captures.c.screenshot_hash).where(captures.c.screenshot_hash.is_not(None)).distinct()
    async with store.read() as connection:
        return frozenset((await connection.execute(statement)).scalars())


async def named(store: Store, hashes: Sequence[str]) -> set[str]:
    """Those of the bodies that a capture names as what was fetched."""
    found: set[str] = set()
    async with store.read() as connection:
        for start in range(0, len(hashes), _AT_ONCE):
            some = captures.c.body_hash.in_(hashes[start : start + _AT_ONCE])
            found.update((await connection.execute(select(captures.c.body_hash).where(some).distinct())).scalars())
    return found


async def all_named(store: Store) -> AsyncGenerator[list[str]]:
    """Every body that is named, once each but for pictures that are pages, too; so many at a time."""
    last = ""
    while True:
        statement = select(captures.c.body_hash).where(captures.c.body_hash > last).distinct()
        async with store.read() as connection:
            ordered = statement.order_by(captures.c.body_hash).limit(_AT_ONCE)
            some = list((await connection.execute(ordered)).scalars())
        if not some:
            break
        yield some
        last = some[-1]
    if seen := sorted(await pictures(store)):
        yield seen


async def fetch_whole(store: Store, hashes: Sequence[str]) -> None:
    """These bodies are lost: the next crawl asks for their pages without conditions, and takes even the same bytes for
    new ones."""
    for start in range(0, len(hashes), _AT_ONCE):
        named_here = captures.c.body_hash.in_(hashes[start : start + _AT_ONCE])
        async with store.read() as connection:
            sources = (await connection.execute(select(captures.c.source_id).where(named_here).distinct())).scalars()
            wanted = list(sources)
        of_pages = pages.c.id.in_(select(captures.c.page_id).where(named_here))
        async with store.write(*locks.of_sources(wanted)) as connection:
            unknown = {"etag": None, "last_modified": None, "body_hash": None}
            await connection.execute(update(pages).where(of_pages).values(unknown))


async def is_untouched(store: Store) -> bool:
    """Whether nothing has ever happened in this database."""
    async with store.read() as connection:
        begun = await connection.scalar(select(func.count()).select_from(runs).limit(1))
        told = await connection.scalar(select(func.max(events.c.id)))
    return not begun and told is None


async def expire(store: Store, source_id: str, before: datetime) -> int:
    """Delete the captures of a source that were fetched before then; says how many. None while a run is unfinished:
    its visits may turn out to have the same bytes, and then name a body again without bringing it.

    Those stay that a page or a document shows, that wait to be processed, and that a dead letter speaks of.
    """
    gone = 0
    while True:
        async with store.write(*locks.of_sources([source_id])) as connection:
            open_runs = select(runs.c.id).where(runs.c.source_id == source_id, runs.c.finished_at.is_(None)).limit(1)
            if (await connection.execute(open_runs)).first() is not None:
                return gone
            some = select(captures.c.id).where(_is_old(source_id, before)).limit(_AT_ONCE)
            chosen = list((await connection.execute(some)).scalars())
            if chosen:
                await connection.execute(delete(captures).where(captures.c.id.in_(chosen)))
        gone += len(chosen)
        if len(chosen) < _AT_ONCE:
            return gone


async def count_old(store: Store, source_id: str, before: datetime) -> int:
    """How many captures `expire` would delete, if no run is unfinished."""
    async with store.read() as connection:
        statement = select(func.count()).select_from(captures).where(_is_old(source_id, before))
        return int(await connection.scalar(statement) or 0)


def _is_old(source_id: str, before: datetime) -> Any:
    of_source = select(runs.c.id).where(runs.c.source_id == source_id)
    shown = exists().where(pages.c.id == captures.c.page_id, pages.c.capture_id == captures.c.id)
    told = exists().where(documents.c.page_id == captures.c.page_id, documents.c.capture_id == captures.c.id)
    latest = exists().where(pages.c.id == captures.c.page_id, pages.c.body_hash == captures.c.body_hash)
    mourned = exists().where(dead_letters.c.capture_id == captures.c.id)
    waits = exists().where(waiting.c.capture_id == captures.c.id)
    return and_(
        captures.c.run_id.in_(of_source),
        captures.c.fetched_at < before,
        captures.c.state.not_in(("pending", "claimed")),  # of the version before; see `tables.captures`
        ~waits,
        ~shown,
        ~told,
        ~latest,
        ~mourned,
    )
