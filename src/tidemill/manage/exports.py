"""Exports for every door: what a request means, the records that it names, a file of them, and jobs for the API.

In: a request (format, and a selection or a search). Out: records by the batch, in bounded memory. `exporter.py` works
on the jobs; the command line writes its files with the same functions.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, BinaryIO

from tidemill.deliver.export.formats import Format, Record, format_of, writer_of
from tidemill.errors import Forbidden, Invalid
from tidemill.manage.documents import record
from tidemill.manage.quotas import export_bound
from tidemill.models.account import Caller
from tidemill.models.document import Json
from tidemill.models.export import Export, Selection
from tidemill.search.base import SearchQuery, SearchResult
from tidemill.settings import ExportsSettings, QuotaSettings
from tidemill.store import documents, exports, sources
from tidemill.store.engine import Store
from tidemill.store.exports import QUERY

_AT_ONCE = 200
_HITS_AT_ONCE = 500
_TIMES = frozenset({"published_after", "published_before", "updated_after"})

Search = Callable[[SearchQuery], Awaitable[SearchResult]]
Records = AsyncGenerator[list[Record]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an export is to hold: the documents of a selection, or what a search finds, the best first."""

    format: Format
    selection: Selection = field(default_factory=Selection)
    query: SearchQuery | None = None

    def as_json(self) -> dict[str, Json]:
        """As a job keeps it."""
        if self.query is not None:
            return {"format": self.format.name, QUERY: _plain(self.query)}
        return {"format": self.format.name, "selection": _plain(self.selection)}


def wanted_of(request: Mapping[str, Any]) -> Wanted:
    """What a job was asked for. Raises `Invalid` for what this version does not know."""
    form = format_of(request["format"])
    if QUERY in request:
        return Wanted(form, query=SearchQuery(**_restored(SearchQuery, request[QUERY])))
    return Wanted(form, Selection(**_restored(Selection, request.get("selection", {}))))


async def start(store: Store, quotas: QuotaSettings | None, wanted: Wanted, by: Caller) -> Export:
    """A job that makes the file. Raises `NotFound` (unknown source), `TooMany` (`quota_exports`), `Forbidden`."""
    may_read(by)
    await check_source(store, wanted)
    return await exports.create(store, wanted.as_json(), by, await export_bound(store, quotas, by))


async def visible(store: Store, export_id: str, by: Caller) -> Export:
    """A job of the caller's, of their team, or of nobody. Raises `NotFound` for any other."""
    may_read(by)
    found = await exports.get(store, export_id)
    if not by.may_edit(found.user_id, found.team_id):
        raise exports.no_such_export(export_id)
    return found


def may_read(by: Caller) -> None:
    """Raises `Forbidden`: an export is no way around the scope that documents need."""
    if not by.may("documents:read"):
        raise Forbidden(
            f"an export holds documents, which needs the scope documents:read, and {by.name} does not have it",
            reason="insufficient_scope",
        )


async def check_source(store: Store, wanted: Wanted) -> None:
    """Raises `NotFound` (`no_such_source`) rather than to make an empty file."""
    name = wanted.query.source if wanted.query is not None else wanted.selection.source
    if name is not None:
        await sources.get(store, name)


async def selected(store: Store, selection: Selection) -> Records:
    """The documents of a selection as they are at one moment, by URL and item key."""
    async with aclosing(documents.current(store, selection)) as batches:
        async for batch in batches:
            yield [record(each) for each in batch]


async def named(store: Store, document_ids: Sequence[str]) -> Records:
    """These documents in their order, as they are when their turn comes; those that are not current are left out.

    No transaction is held meanwhile: whoever takes them may be slow.
    """
    for start_at in range(0, len(document_ids), _AT_ONCE):
        found = await documents.current_among(store, document_ids[start_at : start_at + _AT_ONCE])
        yield [record(each) for each in found]


async def found_ids(search: Search, query: SearchQuery, most: int) -> tuple[list[str], bool]:
    """What a search finds, the best first, none twice; and whether there were more."""
    ids: dict[str, None] = {}
    offset = total = 0
    while offset < most:
        result = await search(replace(query, limit=min(_HITS_AT_ONCE, most - offset), offset=offset))
        total = result.total
        ids.update(dict.fromkeys(hit.id for hit in result.hits))
        offset += len(result.hits)
        if not result.hits or offset >= total:
            break
    return list(ids), total > offset


async def streamed_ids(store: Store, search: Search, settings: ExportsSettings, wanted: Wanted) -> list[str]:
    """The documents of an answer that is streamed. Raises `Invalid` (`export_too_large`) if there are too many."""
    most = settings.max_streamed
    if wanted.query is not None:
        ids, is_cut = await found_ids(search, wanted.query, most)
    else:
        ids = await documents.current_ids(store, wanted.selection, most + 1)
        is_cut = len(ids) > most
    if is_cut:
        raise Invalid(
            f"these are more than {most} documents (exports.max_streamed); POST /api/v1/exports makes a file of them,"
            " or narrow it down",
            reason="export_too_large",
        )
    return ids


async def write(
    out: BinaryIO, form: Format, records: Records, tell: Callable[[int], Awaitable[None]] | None = None
) -> int:
    """Write a file; gives the number of documents. `tell` hears of it after each batch, and may raise to end it."""
    writer = await asyncio.to_thread(writer_of, form, out)
    count = 0
    async with aclosing(records):
        async for batch in records:
            await asyncio.to_thread(writer.add, batch)
            count += len(batch)
            if tell is not None:
                await tell(count)
    await asyncio.to_thread(writer.close)
    return count


async def pieces(form: Format, records: Records) -> AsyncGenerator[bytes]:
    """A file as it comes to be, for formats that are written from front to back."""
    buffer = io.BytesIO()
    writer = writer_of(form, buffer)
    async with aclosing(records):
        async for batch in records:
            await asyncio.to_thread(writer.add, batch)
            yield _taken(buffer)
    writer.close()
    yield _taken(buffer)


def _taken(buffer: io.BytesIO) -> bytes:
    content = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return content


def _plain(given: Selection | SearchQuery) -> dict[str, Json]:
    """Only what differs from the default: what a later version adds is then as it is meant."""
    plain: dict[str, Json] = {}
    for each in fields(given):
        value = getattr(given, each.name)
        if value != each.default:
            plain[each.name] = value.isoformat() if isinstance(value, datetime) else value
            if isinstance(value, tuple):
                plain[each.name] = list(value)
    return plain


def _restored(kind: type[Selection | SearchQuery], kept: Mapping[str, Any]) -> dict[str, Any]:
    known = {each.name for each in fields(kind)}
    if unknown := sorted(set(kept) - known):
        raise Invalid(f"an export asks for {unknown[0]!r}, which this version does not know", reason="export_request")
    restored: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()
    }
    return restored | {name: datetime.fromisoformat(restored[name]) for name in _TIMES & restored.keys()}
