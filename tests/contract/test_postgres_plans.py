"""What a large PostgreSQL reads by: rows that wait lie at the end of tables that are old for the most part.

Found with `make bench ARGS=ledger_at_size`, at ten million visits; here with as many as make the planner decide alike.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from tests.contract.store_house import House, opened_house, stores_on
from tests.harness.postgres import Server

from tidemill.store import announcing, captures, retention

OLD, WAITING = 40_000, 2_000


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
