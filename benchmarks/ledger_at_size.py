"""The ledger and the queue at the size of 10 million pages a day, on a PostgreSQL made for it: plans and times.

Loads sources, runs, pages, visits, captures, events and documents in bulk (`INSERT … SELECT generate_series`: made by
the server, so nothing is sent), then asks what the store really asks, through its own functions, several times each.
Each transaction is undone or done as in production. Told are the median time, what its slowest statement reads by, and
whole plans with `--plans`.

`python -m benchmarks ledger_at_size --visits 10000000 [--partitions] [--plans]`
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from tests.harness.postgres import own_postgres

from benchmarks.measure import arguments
from tidemill.models.capture import Capture
from tidemill.models.host import HostPolicy
from tidemill.models.ids import new_id
from tidemill.models.run import RunOptions
from tidemill.models.visit import Fetched, Found, Visit
from tidemill.settings import DatabaseSettings
from tidemill.store import (
    announcing,
    captures,
    events,
    hosts,
    leases,
    ledger,
    partitions,
    progress,
    retention,
    runs,
    schema,
    sources,
    totals,
    workers,
)
from tidemill.store.engine import Store, open_store

DAYS = 3
_WIDEST, _LONGEST = 150, 400
SETTINGS = DatabaseSettings(statement_timeout_s=3600, pool_size=4)
SERVER = {"shared_buffers": "512MB", "maintenance_work_mem": "512MB", "max_wal_size": "8GB", "work_mem": "16MB"}
POLICY = HostPolicy(interval_s=lambda _: 0.0)
BIG = ("visits", "captures", "pages", "events", "documents")
ID = "(lpad(to_hex({ms}), 12, '0') || '70008000' || lpad(to_hex({n}), 12, '0'))::uuid"
DAY_MS = "(extract(epoch FROM date_trunc('day', now()) - make_interval(days => {last} - d)) * 1000)::int8"


@dataclass
class Size:
    """How many of each."""

    visits: int
    sources: int

    @property
    def each(self) -> int:
        """Pages of a source."""
        return self.visits // DAYS // self.sources


@dataclass
class Seen:
    """What one function sent, and how long each statement took."""

    sent: list[tuple[float, str, Any]] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)


def loading(size: Size) -> list[tuple[str, str]]:
    """The statements that make the rows. The last day's runs are under way: half of their pages are to be fetched."""
    source, page = "md5('s' || s)::uuid", "md5('p' || s || '.' || p)::uuid"
    run = ID.format(ms=DAY_MS.format(last=DAYS - 1), n="s")
    capture = ID.format(ms=DAY_MS.format(last=DAYS - 1) + " + 1", n=f"s::int8 * {size.each} + p")
    day = f"(date_trunc('day', now()) - make_interval(days => {DAYS - 1} - d))"
    all_sources, all_days = f"generate_series(1, {size.sources}) s", f"generate_series(0, {DAYS - 1}) d"
    all_pages = f"generate_series(1, {size.each}) p"
    is_open, is_last = f"d = {DAYS - 1} AND p % 2 = 0", f"d = {DAYS - 1}"
    return [
        (
            "sources",
            f"""INSERT INTO sources (id, name, kind, spec, version, created_at, updated_at)
            SELECT {source}, 'source ' || s, 'website',
            json_build_object('name', 'source ' || s, 'start', json_build_array('https://h' || s || '.example/')),
            1, now(), now() FROM {all_sources}""",
        ),
        (
            "runs",
            f"""INSERT INTO runs (id, source_id, source_version, state, options, created_at, started_at, finished_at)
            SELECT {run}, {source}, 1, CASE WHEN {is_last} THEN 'running' ELSE 'completed' END, '{{}}',
            {day}, {day}, CASE WHEN {is_last} THEN NULL ELSE {day} + interval '5 hours' END
            FROM {all_days}, {all_sources}""",
        ),
        (
            "pages",
            f"""INSERT INTO pages (id, source_id, url, origin, kind, etag, body_hash, last_outcome, visit_count,
            first_seen_at, fetched_at, changed_at, due_at, interval_s)
            SELECT {page}, {source}, 'https://h' || s || '.example/section/' || p || '/a-page-of-some-length.html',
            'https://h' || s || '.example', 'page', '"' || md5('e' || p) || '"', md5('b' || p) || md5('b' || s),
            'unchanged', 3, now() - interval '9 days', now() - interval '1 day', now() - interval '3 days',
            now() + make_interval(hours => p % 48 - 24), 86400 FROM {all_sources}, {all_pages}""",
        ),
        (
            "visits",
            f"""INSERT INTO visits (run_id, page_id, origin, state, outcome, status_code, depth, attempts, not_before,
            tried_at, finished_at)
            SELECT {run}, {page}, 'https://h' || s || '.example', CASE WHEN {is_open} THEN 'pending' ELSE 'done' END,
            CASE WHEN {is_open} THEN NULL WHEN p % 10 < 7 THEN 'unchanged' WHEN p % 10 < 9 THEN 'changed'
            ELSE 'stored' END, 200, p % 6, CASE WHEN {is_open} THEN 0 ELSE 1 END, {day}, {day}, {day}
            FROM {all_days}, {all_sources}, {all_pages}""",
        ),
        (
            "captures",
            f"""INSERT INTO captures (id, run_id, page_id, source_id, url, fetched_at, status_code, media_type,
            content_type, body_hash, size_bytes, state, not_before, processed_at, priority)
            SELECT {capture}, {run}, {page}, {source},
            'https://h' || s || '.example/section/' || p || '/a-page-of-some-length.html', {day}, 200, 'text/html',
            'text/html; charset=utf-8', md5('b' || p) || md5('c' || s), 20000,
            'processed', {day}, {day}, (ARRAY['high', 'medium', 'low'])[1 + s % 3]
            FROM {all_days}, {all_sources}, {all_pages} WHERE p % 10 IN (1, 7, 8, 9) AND NOT ({is_open})""",
        ),
        (
            "waiting",
            f"""INSERT INTO waiting (capture_id, run_id, priority, fetched_at, not_before)
            SELECT {capture}, {run}, (ARRAY['high', 'medium', 'low'])[1 + s % 3], {day}, {day}
            FROM {all_days}, {all_sources}, {all_pages} WHERE {is_last} AND p % 20 = 1 AND NOT ({is_open})""",
        ),
        (
            "events",
            f"""INSERT INTO events (kind, source_id, run_id, document_id, payload, created_at)
            SELECT 'document.changed', {source}, {run}, {page}, json_build_object('url', 'https://h' || s), {day}
            FROM {all_days}, {all_sources}, {all_pages} WHERE p % 10 IN (7, 8, 9) AND NOT ({is_open})""",
        ),
        (
            "documents",
            f"""INSERT INTO documents (id, source_id, page_id, item_key, url, state, version, capture_id, fetched_at,
            first_seen_at, updated_at, kind, title, content, markdown, word_count, reading_time_minutes, tags, fields,
            provenance, flags, problems, content_hash, fingerprint)
            SELECT {page}, {source}, {page}, '', 'https://h' || s || '.example/section/' || p, 'current', 1, {page},
            now(), now(), now(), 'article', 'A title ' || p, repeat(md5('t' || p), 10), repeat(md5('t' || p), 10), 60,
            1, '[]', '{{}}', '{{}}', '[]', '[]', md5('c' || p) || md5('c' || s), md5('f' || p) || md5('f' || s)
            FROM {all_sources}, {all_pages} WHERE p % 4 = 0""",
        ),
    ]


async def load(store: Store, size: Size) -> None:
    """All rows, with indexes made as they come, as in production; then statistics."""
    for table, statement in loading(size):
        began = time.perf_counter()
        async with store.write() as connection:
            await connection.execute(text("SET LOCAL synchronous_commit = off"))
            for name in ("pages", "visits", "captures", "waiting", "documents", "dead_letters"):
                await connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER ALL"))
            loaded = await connection.execute(text(statement))
            for name in ("pages", "visits", "captures", "waiting", "documents", "dead_letters"):
                await connection.execute(text(f"ALTER TABLE {name} ENABLE TRIGGER ALL"))
            whole = int(await connection.scalar(text(f"SELECT pg_total_relation_size('{table}')")) or 0)
        took = time.perf_counter() - began
        print(f"{table:10} {loaded.rowcount:>11,} rows {whole / 2**20:>8,.0f} MiB {took:>6.0f} s", flush=True)
    async with store.writer.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text("VACUUM (ANALYZE)"))


async def asked(store: Store, work: Callable[[], Awaitable[Any]], times: int) -> Seen:
    """Do it some times, and note what is sent."""
    seen, begun = Seen(), {}

    def before(_c: Any, cursor: Any, *_: Any) -> None:
        begun[id(cursor)] = time.perf_counter()

    def after(_c: Any, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        took = time.perf_counter() - begun.pop(id(cursor))
        seen.sent.append((took, statement, parameters[0] if many and parameters else parameters))

    engine = store.writer.sync_engine
    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        for _ in range(times):
            began = time.perf_counter()
            own_s = await work()
            seen.times_s.append(own_s if isinstance(own_s, float) else time.perf_counter() - began)
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)
    return seen


async def plan_of(store: Store, seen: Seen) -> tuple[float, str, list[str]]:
    """The slowest statement, its time, and its plan."""
    usual = [each for each in seen.sent if each[1].lstrip()[:6] in ("SELECT", "UPDATE", "DELETE", "INSERT")]
    of_tables = [each for each in usual if "unnest(" not in each[1] and any(f"{name}." in each[1] for name in BIG)]
    took, statement, parameters = max(of_tables or usual, key=lambda each: each[0])
    async with store.writer.connect() as connection:
        plan = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        lines = [str(row[0])[:_WIDEST] for row in plan]
        await connection.rollback()
    return took, " ".join(statement.split()), lines


class Questions:
    """What the roles ask of a database of this size, each as it is asked in production."""

    def __init__(self, store: Store, run_ids: list[str], worker: workers.Worker) -> None:
        self.store, self.run_ids, self.worker = store, run_ids, worker
        self.leased: list[Visit] = []
        self.turn = 0

    def all(self) -> list[tuple[str, str, Callable[[], Awaitable[Any]], int]]:
        """Role, name, work, how often."""
        store = self.store
        return [
            ("crawler", "lease 128 visits", self.lease, 9),
            ("crawler", "record 128 visits, 3 new links each", self.record, 9),
            ("crawler", "count up to 10,000 waiting captures", lambda: captures.count_waiting(store, 10_000), 5),
            ("processor", "claim 32 captures", self.claim, 9),
            ("processor", "sweep: is anything unannounced?", lambda: announcing.is_any_silent(store, 0.5), 5),
            ("processor", "announce 1,000 captures", lambda: announcing.unannounced(store, 1000), 5),
            ("processor", "backlog by priority", lambda: captures.backlog(store), 3),
            ("all", "take back what dead workers hold", lambda: workers.reclaim(store, 60, self.worker), 5),
            ("indexer", "1,000 changes from the middle", self.changes, 9),
            ("indexer", "the last event", lambda: events.head(store), 5),
            ("serve", "a run with its totals", lambda: runs.get(store, self.run_ids[0]), 5),
            ("serve", "the progress of a run", self.progress, 5),
            ("serve", "the newest 20 runs", lambda: runs.listed(store, 20), 3),
            ("serve", "100 lines of a ledger", self.entries, 5),
            ("serve", "visits of unfinished runs (metrics)", lambda: totals.open_visit_states(store), 2),
            ("serve", "documents by state (metrics)", lambda: totals.document_states(store), 2),
            ("serve", "troubled hosts (metrics)", lambda: hosts.troubled(store), 3),
            ("schedule", "begin a run of all known pages", self.begin, 5),
            ("retention", "compact one run", self.compact, 3),
            ("retention", "forget 2,000 events", self.forget, 2),
        ]

    def next_run(self) -> str:
        """Crawls take turns."""
        self.turn += 1
        return self.run_ids[self.turn % len(self.run_ids)]

    async def lease(self) -> None:
        """Of a run of many."""
        self.leased = await leases.lease(
            self.store,
            self.next_run(),
            self.worker.id,
            limit=128,
            max_pages=10**6,
            horizon_s=10,
            interval_s=lambda _: 0.0,
        )
        if not self.leased:
            raise AssertionError("nothing to lease")

    async def record(self) -> float:
        """What the last lease gave; another one comes before the next."""
        run = await runs.get(self.store, self.leased[0].run_id)
        source = await sources.by_id(self.store, run.source_id)
        entry = runs.entry_of(run.id, source, run.options)
        now = self.store.now()
        batch = [_fetched(each, now) for each in self.leased]
        began = time.perf_counter()
        done = await ledger.record(self.store, entry, batch, POLICY)
        took_s = time.perf_counter() - began
        assert done.written == len(batch)
        await self.lease()
        return took_s

    async def claim(self) -> None:
        """As a processor does with the default queue."""
        _, claimed = await captures.claim(self.store, self.worker.id, 32)
        assert len(claimed) == 32

    async def changes(self) -> None:
        """As the indexer does."""
        head = await events.head(self.store)
        assert len(await events.document_changes(self.store, head // 2, 1000)) == 1000

    async def progress(self) -> None:
        """As `GET /api/v1/runs/ID` does."""
        await progress.progress(self.store, await runs.get(self.store, self.run_ids[1]))

    async def entries(self) -> None:
        """As `GET /api/v1/runs/ID/ledger` does."""
        assert len([each async for each in ledger.entries(self.store, self.run_ids[0], limit=100)]) == 100

    async def begin(self) -> None:
        """A run of a source whose last one is cancelled for it."""
        run = await runs.get(self.store, self.next_run())
        source = await sources.by_id(self.store, run.source_id)
        await runs.create(self.store, source, RunOptions(), [])

    async def compact(self) -> None:
        """The oldest run."""
        (oldest,) = (await retention._compactable(self.store, self.store.now() - timedelta(days=DAYS - 1)))[:1]
        await retention._keep_totals(self.store, oldest)
        while await retention._delete_visits(self.store, oldest, retention.AT_ONCE) == retention.AT_ONCE:
            pass

    async def forget(self) -> None:
        """One bit."""
        await retention._forget_some(self.store, 0, self.store.now() - timedelta(days=1), retention.AT_ONCE)


def _fetched(visit: Visit, now: Any) -> Fetched:
    origin = visit.url.split("/section")[0]
    links = tuple(Found(url=f"{origin}/new/{new_id()}", origin=origin, depth=visit.depth + 1) for _ in range(3))
    capture = Capture(
        id=new_id(),
        run_id=visit.run_id,
        page_id=visit.page_id,
        source_id=visit.source_id,
        url=visit.url,
        fetched_at=now,
        status_code=200,
        media_type="text/html",
        content_type="text/html",
        body_hash="0" * 64,
        size_bytes=20_000,
    )
    return Fetched(visit, capture=capture, found=links, status_code=200, requests=1, received_bytes=20_000)


async def measure(store: Store, *, plans: bool) -> None:
    """Ask everything, and tell what it took."""
    async with store.read() as connection:
        found = await connection.execute(text("SELECT id FROM runs WHERE state = 'running' ORDER BY md5(id::text)"))
        run_ids = [str(each) for each in found.scalars()]
    questions = Questions(store, run_ids, await workers.register(store, "crawler"))
    print("\n| role | what | median ms | slowest statement ms | reads by |\n|---|---|---|---|---|")
    for role, name, work, times in questions.all():
        seen = await asked(store, work, times)
        took, statement, lines = await plan_of(store, seen)
        median = statistics.median(seen.times_s) * 1000
        print(f"| {role} | {name} | {median:,.1f} | {took * 1000:,.1f} | {shown(lines)} |", flush=True)
        if plans or any(f"Seq Scan on {each}" in line for line in lines for each in BIG) or median > 200:
            print(
                "\n".join(["", f"    {statement[:_LONGEST]}", *(f"    {line}" for line in lines[:24]), ""]), flush=True
            )


def shown(lines: list[str]) -> str:
    """What a plan reads by, each once."""
    found = dict.fromkeys(
        word
        for line in lines
        for word in ([line.split(" using ")[1].split(" on ")[0]] if " using " in line else _scans(line))
    )
    return ", ".join(found) or "no table"


def _scans(line: str) -> list[str]:
    if "Bitmap Index Scan on " in line:
        return [line.split("Bitmap Index Scan on ")[1].split()[0]]
    if "Seq Scan on " in line:
        return ["**all of " + line.split("Seq Scan on ")[1].split()[0] + "**"]
    return []


async def bench(given: argparse.Namespace, url: str, folder: Path) -> None:
    """Load, perhaps cut up, and measure."""
    store = open_store(url, SETTINGS, folder)
    try:
        await schema.ensure_schema(store)
        async with store.read():
            now = store.now()
        if given.partitions:
            await partitions.cut_up(store, now, ahead=1)
        await load(store, Size(given.visits, given.sources))
        await measure(store, plans=given.plans)
        if not given.partitions:
            began = time.perf_counter()
            await partitions.cut_up(store, now, ahead=1)
            print(f"\ncutting up: {time.perf_counter() - began:.1f} s")
    finally:
        await store.close()


def main() -> None:
    """Ask for sizes and begin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=10_000_000)
    parser.add_argument("--sources", type=int, default=10_000)
    parser.add_argument("--partitions", action="store_true", help="cut visits and events up before they are loaded")
    parser.add_argument("--plans", action="store_true", help="show the plan of each slowest statement")
    given = parser.parse_args(arguments())
    with own_postgres(**SERVER) as server, tempfile.TemporaryDirectory(prefix="tidemill-bench-") as folder:
        asyncio.run(bench(given, server.url, Path(folder)))


if __name__ == "__main__":
    main()
