"""The indexer's own way, measured: documents of a store (SQLite in a folder) to the index, read and written by turns.

In: documents. Out: seconds by the clock and of the CPU. Called by `benchmarks.search`. The rows are put into the tables
as they are, since crawling and processing are measured elsewhere.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from tidemill.app import open_app
from tidemill.models.document import Document
from tidemill.models.ids import new_id
from tidemill.models.source import SourceSpec
from tidemill.settings import Settings
from tidemill.store import events, sources, tables
from tidemill.store.engine import Store
from tidemill.store.rows import draft_values

SITE = "https://site.example/"
_AT_ONCE = 5000


async def indexed_from_store(documents: Sequence[Document], folder: Path) -> tuple[float, float]:
    """Put `documents` into a new store, let its indexer catch up, and give the seconds that this took."""
    async with open_app(Settings(data_dir=folder)) as app:
        await _fill(app.store, documents)
        begun, before = time.perf_counter(), os.times()
        await app.indexer.catch_up(await events.head(app.store))
        after = os.times()
        return time.perf_counter() - begun, after.user + after.system - before.user - before.system


async def _fill(store: Store, documents: Sequence[Document]) -> None:
    source, _ = await sources.apply(store, SourceSpec(name="site", start=(SITE,)))
    now, page = store.now(), new_id()
    values = {"id": page, "source_id": source.id, "url": SITE, "origin": SITE, "kind": "page", "first_seen_at": now}
    async with store.write() as connection:
        await connection.execute(insert(tables.pages).values(values))
    waiting = iter(documents)
    while some := list(islice(waiting, _AT_ONCE)):
        rows = list(_rows(some, {"source_id": source.id, "page_id": page}))
        told = [
            {"kind": "document.stored", "source_id": source.id, "document_id": row["id"], "payload": {}} for row in rows
        ]
        async with store.write() as connection:
            await connection.execute(insert(tables.documents), rows)
            await connection.execute(insert(tables.events), [{**each, "created_at": now} for each in told])


def _rows(documents: Sequence[Document], common: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for each in documents:
        moments = {name: getattr(each, name) for name in ("fetched_at", "first_seen_at", "updated_at")}
        own = {"id": new_id(), "url": each.url, "state": each.state.value, "version": 1, "capture_id": new_id()}
        hashes = {"content_hash": each.id, "fingerprint": each.id}
        yield {**common, **own, **moments, **hashes, **draft_values(each.draft), "item_key": each.id}
