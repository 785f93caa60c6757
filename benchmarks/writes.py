"""Documents into PostgreSQL: as the process stage writes them, and one by one through SQLAlchemy's ORM.

The same rows into the same table with the same indexes, in one run, in interleaved rounds; the server flushes each
commit. `rows` is `writing.write_documents` in batches as the processor has them, one transaction each; `store_batch`
is all of a batch: history, duplicates, outcomes, events. The peer adds and commits one object after the other; once
more with the text index that such a table usually has, which Tidemill keeps off this way. Floor: issue 5.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import registry
from tests.harness.postgres import Server

from benchmarks.duplicates import Desk, articles, captured
from benchmarks.measure import arguments
from benchmarks.postgres import careful_postgres
from benchmarks.served import _WORDS
from tidemill.models.capture import Capture
from tidemill.models.document import Draft, Processed
from tidemill.models.ids import page_id
from tidemill.models.run import RunOptions
from tidemill.models.source import ProcessRules, SourceSpec
from tidemill.models.url import url_key, url_origin
from tidemill.models.visit import Found
from tidemill.settings import DatabaseSettings, ProcessSettings
from tidemill.store import plans, runs, schema, sources, workers, writing
from tidemill.store.engine import Store, open_store
from tidemill.store.rows import draft_values
from tidemill.store.tables import documents

FLOOR = 8
BATCH = ProcessSettings().batch_size
_TEXT_INDEX = "CREATE INDEX text_of_documents ON documents USING gin (to_tsvector('english', content))"
Given = Sequence[tuple[Capture, Draft]]


class Written:
    """What the ORM maps to the table of documents."""

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)


def main() -> None:
    """Measure, and print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1000, help="documents of each way in each round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments())
    registry().map_imperatively(Written, documents)
    with careful_postgres() as server:
        rates = asyncio.run(_measured(server, options.documents, options.rounds))
    peer = statistics.median(rates["ORM, one by one"])
    print(f"\n{options.documents} documents into PostgreSQL, medians of {options.rounds} interleaved rounds")
    print(f"{'':36}{'documents/s':>12}{'× ORM':>8}{'floor':>7}")
    for name, every in rates.items():
        rate = statistics.median(every)
        print(f"{name:36}{rate:12,.0f}{rate / peer:8.1f}{FLOOR if name.startswith('rows') else '':>7}")


async def _measured(server: Server, number: int, rounds: int) -> dict[str, list[float]]:
    ways: dict[str, Callable[[Store, Given], Awaitable[None]]] = {
        f"rows, batches of {BATCH}": _rows,
        "ORM, one by one": _one_by_one,
        "ORM, one by one, with a text index": _one_by_one,
    }
    rates: defaultdict[str, list[float]] = defaultdict(list)
    for seed in range(rounds):
        for name, way in ways.items():
            url, store = await _store(server, text_index="text index" in name)
            given = await _given(store, number, seed)
            await way(store, given[:BATCH])  # connections are open, statements prepared
            begun = time.perf_counter()
            await way(store, given[BATCH:])
            rates[name].append((number - BATCH) / (time.perf_counter() - begun))
            await store.close()
            await server.drop(url)
        rates[f"store_batch, batches of {BATCH}"].append(await _whole(server, number, seed))
    return dict(rates)


async def _store(server: Server, *, text_index: bool = False) -> tuple[str, Store]:
    url = await server.empty()
    store = open_store(url, DatabaseSettings(), Path(tempfile.gettempdir()))
    await schema.ensure_schema(store)
    if text_index:
        await server.run(_TEXT_INDEX, url)
    return url, store


async def _given(store: Store, number: int, seed: int) -> Given:
    """Captures of pages that the store knows, each with a document of thirty sentences."""
    source, _ = await sources.apply(store, SourceSpec(name="bench", start=("http://bench.example/",)))
    keys = [url_key(f"http://bench.example/{each}") for each in range(number)]
    run = await runs.create(store, source, RunOptions(), [Found(key, url_origin(key)) for key in keys])
    drafts = articles(_sentences(), ProcessRules(), seed)
    pages = [(page_id(source.id, key), key) for key in keys]
    return [(captured(run.id, page, source.id, key), next(drafts)) for page, key in pages]


async def _rows(store: Store, given: Given) -> None:
    for start in range(0, len(given), BATCH):
        batch = given[start : start + BATCH]
        planned = [plans.plan_of(capture, Processed(capture.id, (draft,)), {}) for capture, draft in batch]
        async with store.write() as connection:
            await writing.write_documents(connection, [plan for page in planned for plan in page.plans], store.now())


async def _one_by_one(store: Store, given: Given) -> None:
    async with AsyncSession(store.writer, expire_on_commit=False) as session:
        for capture, draft in given:
            session.add(Written(**_values(capture, draft)))
            await session.commit()
            session.expunge_all()


def _values(capture: Capture, draft: Draft) -> dict[str, Any]:
    plan = plans.plan_of(capture, Processed(capture.id, (draft,)), {}).plans[0]
    now = datetime.now(UTC)
    return {
        "id": plan.id,
        "source_id": capture.source_id,
        "page_id": capture.page_id,
        "item_key": draft.item_key,
        "url": capture.url,
        "state": plan.standing.state.value,
        "version": 1,
        "capture_id": capture.id,
        "fetched_at": capture.fetched_at,
        "first_seen_at": now,
        "updated_at": now,
        **draft_values(draft),
    }


async def _whole(server: Server, number: int, seed: int) -> float:
    """Documents a second through `store_batch`, the time between batches not counted."""
    url, store = await _store(server)
    worker = await workers.register(store, "processor")
    desk = Desk(store, worker.id, ProcessRules(), clock=time.perf_counter)
    spent_ms = await desk.hand_over("bench", articles(_sentences(), ProcessRules(), seed), number)
    with suppress(FileNotFoundError):
        await workers.leave(store, worker)
    await store.close()
    await server.drop(url)
    return 1000 / spent_ms


def _sentences() -> list[str]:
    choice, words = random.Random("register"), _WORDS.split()
    return [f"The {' '.join(choice.choices(words, k=14))}.".capitalize() for _ in range(2000)]


if __name__ == "__main__":
    main()
