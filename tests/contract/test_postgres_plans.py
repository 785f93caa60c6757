"""What a large PostgreSQL reads by: rows that wait lie at the end of tables that are old for the most part.

Found with `make bench ARGS=ledger_at_size`, at ten million visits; here with as many as make the planner decide alike.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from tests.contract.store_house import House, opened_house, stores_on
from tests.harness.postgres import Server

from tidemill.models.document import DocumentState
from tidemill.store import announcing, captures, listing, retention, runs, workers
from tidemill.store.listing import Wanted

OLD, WAITING = 40_000, 2_000
DOCUMENT = "01900000-0000-8000-8000-000000000000"


@pytest.fixture
async def house(tmp_path: Path, postgres: Server) -> AsyncIterator[House]:
    """A house with many old captures, and behind them some that wait."""
    with stores_on("postgresql"):
        async with opened_house(tmp_path) as house:
            run = await house.begin()
            columns = (
                "id, run_id, page_id, source_id, url, fetched_at, status_code, media_type, content_type, body_hash"
            )
            rest = "size_bytes, state, not_before, priority"
            values = (
                f"gen_random_uuid(), '{run.id}', gen_random_uuid(), '{house.source.id}', 'https://x/' || n, now(), 200,"
                " 'text/html', 'text/html', md5(n::text), 1,"
                " 'processed', now() - interval '1 hour', 'medium'"
            )
            async with house.store.write() as connection:
                await connection.execute(text("ALTER TABLE captures DISABLE TRIGGER ALL"))
                numbers = f"FROM generate_series(1, {OLD + WAITING}) n"
                await connection.execute(text(f"INSERT INTO captures ({columns}, {rest}) SELECT {values} {numbers}"))
                await connection.execute(text("ALTER TABLE captures ENABLE TRIGGER ALL"))
                moved = "capture_id, run_id, priority, fetched_at, not_before"
                some = f"SELECT id, run_id, priority, fetched_at, not_before FROM captures LIMIT {WAITING}"
                await connection.execute(text(f"INSERT INTO waiting ({moved}) {some}"))
                await connection.execute(text("ANALYZE captures, waiting"))
            yield house


@pytest.fixture
async def full(house: House) -> House:
    """A house that has had many runs, and has many documents."""
    async with house.store.write() as connection:
        run = (
            "INSERT INTO runs (id, source_id, source_version, state, options, created_at, finished_at)"
            f" SELECT gen_random_uuid(), '{house.source.id}', 1, 'completed', '{{}}', moment, moment"
            f" FROM generate_series(1, {OLD}) n, LATERAL (SELECT now() - n * interval '1 hour' AS moment) m"
        )
        document = (
            "INSERT INTO documents (id, source_id, page_id, item_key, url, state, version, capture_id, fetched_at,"
            " first_seen_at, updated_at, kind, title, content, markdown, word_count, reading_time_minutes, tags,"
            " fields, provenance, flags, problems, content_hash, fingerprint)"
            f" SELECT gen_random_uuid(), '{house.source.id}', gen_random_uuid(), '', 'https://x/' || n, 'current', 1,"
            " gen_random_uuid(), now(), now(), now(), 'article', 'A title', repeat('word ', 99), 'x', 99, 1, '[]',"
            f" '{{}}', '{{}}', '[]', '[]', md5(n::text), md5(n::text) FROM generate_series(1, {OLD // 4}) n"
        )
        for table, statement in (("runs", run), ("documents", document)):
            await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
            await connection.execute(text(statement))
            await connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER ALL"))
            await connection.execute(text(f"ANALYZE {table}"))
    return house


async def plans(house: House, work: Callable[[], Awaitable[Any]]) -> str:
    """The plans of what `work` reads."""
    sent: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if statement.startswith("SELECT"):
            sent.append((statement, parameters))

    engine = house.store.writer.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    await work()
    event.remove(engine, "before_cursor_execute", note)
    lines = []
    async with house.store.write() as connection:
        for statement, parameters in sent:
            lines += [str(row[0]) for row in await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("asks", "index"),
    [
        (lambda house: announcing.is_any_silent(house.store), "ix_waiting_announced"),
        (lambda house: announcing.unannounced(house.store, 100), "ix_waiting_announced"),
        (lambda house: captures.count_waiting(house.store, 1000), ""),
        (lambda house: captures.claim(house.store, house.worker.id, 32), "ix_waiting_due"),
        (lambda house: retention.compact_runs(house.store, house.store.now() + timedelta(days=1)), ""),
    ],
    ids=["silent", "announce", "waiting", "claim", "compact"],
)
async def test_what_waits_is_found_without_reading_what_is_old(house: House, asks: Any, index: str) -> None:
    plan = await plans(house, lambda: asks(house))
    assert "Seq Scan on captures" not in plan
    assert index in plan
    if index == "ix_waiting_announced":
        assert "Sort" not in plan, "a thousand of many are not sorted first"


@pytest.mark.parametrize(
    "asks",
    [
        lambda house: workers.reclaim(house.store, 60, house.worker),
        lambda house: runs.waiting(house.store),
        lambda house: runs.listed(house.store, 20),
        lambda house: runs.listed(house.store, 20, before=(house.store.at, "01900000-0000-7000-8000-000000000000")),
    ],
    ids=["dead-workers", "to-be-crawled", "newest", "older"],
)
async def test_runs_are_looked_for_without_reading_those_that_have_ended(full: House, asks: Any) -> None:
    plan = await plans(full, lambda: asks(full))
    assert "Seq Scan on runs" not in plan
    assert "ix_runs" in plan


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(kind="event"),
        Wanted(language="is"),
        Wanted(DocumentState.REMOVED),
        Wanted(updated_since=datetime(2100, 1, 1, tzinfo=UTC)),
    ],
    ids=["all", "kind", "language", "removed", "changed"],
)
async def test_documents_are_chosen_without_reading_them(full: House, wanted: Wanted) -> None:
    plan = await plans(full, lambda: listing.listed(full.store, wanted, ("", "", DOCUMENT), 101))
    assert "Seq Scan on documents" not in plan
    assert "Index Scan using ix_documents_listed on documents" in plan
