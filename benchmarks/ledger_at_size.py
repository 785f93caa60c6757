"""The ledger and the queue at the size of 10 million pages a day, on a PostgreSQL made for it: plans and times.

Loads the rows of `ledger_rows`, then asks what the store really asks (`ledger_questions`), several times each. Told are
the blocks that the server touches for it, what prepares it counted in (no neighbour of the machine disturbs that), the
median time, and what its statements read by; whole plans of those that read a big table from end to end, of the slowest
statement of what takes long, and of all with `--plans`.

`python -m benchmarks ledger_at_size --visits 10000000 [--partitions] [--plans]`
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from tests.harness.postgres import own_postgres

from benchmarks.ledger_questions import Questions
from benchmarks.ledger_rows import Size, load
from benchmarks.measure import arguments
from tidemill.settings import DatabaseSettings
from tidemill.store import partitions, schema, workers
from tidemill.store.engine import Store, open_store

_WIDEST, _LONGEST = 150, 400
_LIST = re.compile(r"\(\$\d+[^()]*\)")
SETTINGS = DatabaseSettings(statement_timeout_s=3600, pool_size=4)
SERVER = {
    "shared_buffers": "512MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "work_mem": "16MB",
    "shared_preload_libraries": "pg_stat_statements",
}
BLOCKS = "SELECT coalesce(sum(shared_blks_hit + shared_blks_read), 0) FROM pg_stat_statements"
BIG = ("runs", "visits", "captures", "pages", "events", "documents", "document_versions", "document_tags")


@dataclass
class Seen:
    """What one function sent, and how long each statement took."""

    sent: list[tuple[float, str, Any]] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    blocks: int = 0


async def asked(store: Store, work: Callable[[], Awaitable[Any]], times: int) -> Seen:
    """Do it some times, and note what is sent."""
    seen, begun = Seen(), {}

    def before(_c: Any, cursor: Any, *_: Any) -> None:
        begun[id(cursor)] = time.perf_counter()

    def after(_c: Any, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        took = time.perf_counter() - begun.pop(id(cursor))
        seen.sent.append((took, statement, parameters[0] if many and parameters else parameters))

    async with store.writer.connect() as connection:
        await connection.execute(text("SELECT pg_stat_statements_reset()"))
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
    async with store.writer.connect() as connection:
        seen.blocks = int(await connection.scalar(text(BLOCKS)) or 0) // times
    return seen


@dataclass
class Plan:
    """One statement: how long it took at the most, and how the server would do it."""

    took_s: float
    statement: str
    lines: list[str]

    def scanned(self) -> list[str]:
        """Big tables that it reads from end to end."""
        return [each for each in BIG if any(f"Seq Scan on {each} " in line for line in self.lines)]


async def plans_of(store: Store, seen: Seen) -> list[Plan]:
    """Each statement with its plan, the slowest first."""
    slowest: dict[str, tuple[float, Any]] = {}
    for took_s, statement, parameters in seen.sent:
        if statement.lstrip()[:6] in ("SELECT", "UPDATE", "DELETE", "INSERT"):
            slowest[statement] = max(
                slowest.get(statement, (0.0, None)), (took_s, parameters), key=lambda each: each[0]
            )
    found = []
    for statement, (took_s, parameters) in sorted(slowest.items(), key=lambda each: -each[1][0]):
        async with store.writer.connect() as connection:
            plan = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
            lines = [str(row[0])[:_WIDEST] for row in plan]
            await connection.rollback()
        found.append(Plan(took_s, " ".join(statement.split()), lines))
    return found


async def measure(store: Store, *, plans: bool) -> None:
    """Ask everything, and tell what it took."""
    async with store.read() as connection:
        found = await connection.execute(text("SELECT id FROM runs WHERE state = 'running' ORDER BY md5(id::text)"))
        run_ids = [str(each) for each in found.scalars()]
    worker = await workers.register(store, "crawler")
    questions = Questions(store, run_ids, worker)
    async with store.write() as connection:
        await connection.execute(text(f"UPDATE runs SET worker_id = '{worker.id}' WHERE state = 'running'"))
        await connection.execute(text("CREATE EXTENSION pg_stat_statements"))
    print("\n| role | what | blocks | median ms | reads by |\n|---|---|---|---|---|")
    for role, name, work, times in questions.all():
        seen = await asked(store, work, times)
        found = await plans_of(store, seen)
        median = statistics.median(seen.times_s) * 1000
        print(f"| {role} | {name} | {seen.blocks:,} | {median:,.1f} | {shown(found)} |", flush=True)
        told = [each for each in found if plans or each.scanned()] or (found[:1] if median > 200 else [])
        for each in told:
            lines = [f"{each.took_s * 1000:,.1f} ms: {each.statement[:_LONGEST]}", *each.lines[:24]]
            print("\n".join(["", *(f"    {line}" for line in lines), ""]), flush=True)


def shown(found: list[Plan]) -> str:
    """What these plans read by, each once."""
    words = (
        word
        for plan in found
        for line in plan.lines
        for word in ([line.split(" using ")[1].split(" on ")[0]] if " using " in line else _scans(line))
    )
    return ", ".join(dict.fromkeys(words)) or "no table"


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
        await load(store, Size(given.visits, given.sources, given.backlog))
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
    parser.add_argument(
        "--backlog", type=int, default=10_000, help="captures that wait; back-pressure keeps them at that"
    )
    parser.add_argument("--partitions", action="store_true", help="cut visits and events up before they are loaded")
    parser.add_argument("--plans", action="store_true", help="show the plan of each slowest statement")
    given = parser.parse_args(arguments())
    with own_postgres(**SERVER) as server, tempfile.TemporaryDirectory(prefix="tidemill-bench-") as folder:
        asyncio.run(bench(given, server.url, Path(folder)))


if __name__ == "__main__":
    main()
