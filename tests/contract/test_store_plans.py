"""Every hot query uses its index: what the store really sends is caught and its plan read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from tests.contract.store_house import SITE, House, draft, found, opened_house, result_of

from tidemill.models.document import DocumentState, Draft
from tidemill.models.failure import Failure
from tidemill.models.run import RunOptions, RunState
from tidemill.models.visit import Fetched, Visit
from tidemill.store import admission, captures, events, exports, idempotency, leases, listing, runs, workers
from tidemill.store.processed import store_batch

DERIVED = ("(subquery", "ranked", "wanted", "json_each")
"""What is read whole because a query made it itself."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened_house(tmp_path) as house:
        yield house


async def plans(house: House, work: Callable[[], Awaitable[Any]]) -> list[str]:
    """`statement → plan` of everything that `work` sends, each look-up of a plan on its own line."""
    sent: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        sent.append((statement, parameters[0] if many else parameters))

    engines = [house.store.writer.sync_engine, house.store.reader.sync_engine]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    await work()
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
    lines = []
    async with house.store.write() as connection:
        for statement, parameters in sent:
            if not statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
                continue
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            short = " ".join(statement.split())
            lines += [f"{short} → {row[3]}" for row in plan]
    return lines


def scans(lines: list[str], *allowed: str) -> list[str]:
    """The look-ups that read a whole table."""
    whole = [line for line in lines if "→ SCAN" in line and "USING" not in line.partition("→ ")[2]]
    whole += [line for line in lines if "SEARCH documents" in line and line.endswith("(state=?)")]  # nearly all of it
    whole = [line for line in whole if "CONSTANT ROW" not in line]
    return [line for line in whole if not any(f"SCAN {table}" in line for table in allowed)]


def used(lines: list[str]) -> str:
    return "\n".join(line.partition("→ ")[2] for line in lines)


async def leased(house: House) -> tuple[Any, list[Visit]]:
    run = await house.begin(*"abcdefgh")
    return run, await house.lease(run, 6)


async def test_lease(house: House) -> None:
    run = await house.begin(*"abcdefgh")
    lines = await plans(house, lambda: house.lease(run, 4, max_pages=6))
    assert "visits USING INDEX ix_visits_pending (run_id=?" in used(lines)
    assert scans(lines, "hosts") == []
    assert "TEMP B-TREE FOR ORDER BY" not in used(lines)


async def test_lease_past_the_visits_of_a_slow_host(house: House) -> None:
    run = await house.begin(*"abcdefgh")
    await house.lease(run, 4, interval_s=6.0)
    lines = await plans(house, lambda: house.lease(run, 4, interval_s=6.0))
    chosen = [line for line in lines if "NOT IN" in line.upper()]
    assert "visits USING INDEX ix_visits_pending (run_id=?" in used(chosen) or "COVERING INDEX" in used(chosen)
    assert scans(lines, "hosts") == []


async def test_whether_listings_wait_is_seen_without_reading_the_ledger(house: House) -> None:
    run = await house.begin(*"abcdefgh")
    async with house.store.write() as connection:
        entry = runs.entry_of(run.id, house.source, RunOptions())
        await admission.enter(connection, entry, found("s", "t", kind="sitemap"), house.store.now())
    lines = await plans(house, lambda: house.lease(run, 1))
    asked = [line for line in lines if "AND is_listing" in line]
    looks = [line for line in used(asked).splitlines() if "visits" in line]
    assert looks == ["SEARCH visits USING INDEX ix_visits_open_listings (run_id=?)"] * 2
    chosen = [line for line in lines if "visits JOIN pages" in line]
    assert "visits USING PRIMARY KEY (run_id=? AND page_id=?)" in used(chosen)


async def test_giving_visits_back(house: House) -> None:
    _, visits = await leased(house)
    lines = await plans(house, lambda: leases.release_visits(house.store, visits))
    assert scans(lines) == []
    assert "visits USING PRIMARY KEY (run_id=? AND page_id=?)" in used(lines)


async def test_settling_hosts(house: House) -> None:
    _, visits = await leased(house)
    bad = [Fetched(visit, reason="timeout", retry_at=house.store.at) for visit in visits]
    lines = await plans(house, lambda: house.record(*bad))
    assert scans(lines) == []
    assert "hosts USING INDEX sqlite_autoindex_hosts_1 (origin=?)" in used(lines)


async def test_record(house: House) -> None:
    _, visits = await leased(house)
    lines = await plans(house, lambda: house.record(*(house.captured(each) for each in visits)))
    assert scans(lines) == []


async def test_release(house: House) -> None:
    run, _ = await leased(house)
    assert scans(await plans(house, lambda: leases.release(house.store, run.id, house.worker.id))) == []


async def test_reclaim_finds_what_a_worker_holds(house: House) -> None:
    _, visits = await leased(house)
    await house.record(*(house.captured(each) for each in visits[:3]))
    await house.claim()
    lines = await plans(house, lambda: workers.leave(house.store, house.worker))
    assert "ix_visits_leased (worker_id=?)" in used(lines)
    assert scans(lines, "waiting") == [], "of what waits there is little"
    house.worker = await workers.register(house.store, "crawler")


async def test_claim_and_backlog(house: House) -> None:
    _, visits = await leased(house)
    await house.record(*(house.captured(each) for each in visits))
    lines = await plans(house, lambda: house.claim(3))
    assert "waiting USING INDEX ix_waiting_due (priority=? AND not_before<?)" in used(lines)
    assert scans(lines, *DERIVED) == []
    lines = await plans(house, lambda: captures.backlog(house.store))
    assert scans(lines, "waiting") == []


async def test_storing_a_batch(house: House) -> None:
    run, visits = await leased(house)
    await house.record(*(house.captured(each) for each in visits))
    token, claimed = await house.claim()
    batch = [(each, result_of(each, [draft("same")])) for each in claimed]
    lines = await plans(house, lambda: store_batch(house.store, token, batch, max_attempts=3))
    assert scans(lines, *DERIVED) == []
    assert "documents USING INDEX ix_documents_content (content_hash=?)" in used(lines)
    lines = await plans(house, lambda: runs.finish(house.store, run.id, 99))
    assert scans(lines) == []
    assert "visits USING PRIMARY KEY (run_id=?)" not in used(lines)


async def test_storing_a_large_batch(house: House) -> None:
    """The longer the lists of what is looked for, the more an index tempts that begins with the state."""
    paths = [f"{number}" for number in range(100)]
    await house.run({path: [draft(f"text {path}")] for path in paths})
    run = await house.begin(*paths)
    await house.crawl(run, dict.fromkeys(paths, "changed"))
    changed: dict[str, Sequence[Draft] | Failure] = {path: [draft(f"other text {path}")] for path in paths}
    lines = await plans(house, lambda: house.process(changed))
    assert scans(lines, *DERIVED) == []
    assert "documents USING INDEX ix_documents_content (content_hash=?)" in used(lines)


async def test_a_run_that_was_crawled_is_ended_without_reading_its_ledger(house: House) -> None:
    run = await house.begin(*"ab")
    await house.crawl(run, {"a": "1", "b": "2"})

    async def complete() -> None:
        async with house.store.write() as connection:
            await runs.complete(connection, [run.id], house.store.now())

    assert "visits USING COVERING INDEX ix_visits_open (run_id=?)" in used(await plans(house, complete))


async def test_duplicates_are_found_by_their_keys_and_groups_by_their_content(house: House) -> None:
    await house.run({path: [draft("x", canonical_url=f"{SITE}a")] for path in "abc"})
    run = await house.begin("a", "b", "d")
    await house.crawl(run, {"a": "other", "b": "410", "d": "new"})
    site: dict[str, Sequence[Draft] | Failure] = {
        "a": [draft("y")],
        "b": [draft("x")],
        "d": [draft("x", canonical_url=f"{SITE}c", signature=bytes(512))],
    }
    lines = await plans(house, lambda: house.process(site))
    read = used(lines)
    assert scans(lines, *DERIVED) == []
    assert "found USING PRIMARY KEY (bucket=? AND number<?)" in read
    assert "signatures USING PRIMARY KEY (bucket=?)" in read
    assert "signatures USING COVERING INDEX ix_signatures_number (number=?)" in read, "keys go with their leader"
    assert "documents USING INDEX ix_documents_content (content_hash=?)" in read
    assert "namer USING INDEX ix_documents_canonical (canonical_url=?)" in read
    assert "documents USING INDEX ix_documents_original (duplicate_of=?)" in read
    assert "documents USING INDEX ix_documents_source_state_url (source_id=? AND state=? AND url=?)" in read


async def test_the_change_feed_reads_on_from_its_cursor(house: House) -> None:
    lines = await plans(house, lambda: events.document_changes(house.store, 5, 10))
    lines += await plans(house, lambda: events.after(house.store, 5, 10))
    assert used(lines).count("events USING INTEGER PRIMARY KEY (rowid>?)") == 2


async def test_pages_of_documents_are_read_by_an_index_in_their_order(house: House) -> None:
    of_source = listing.Wanted(source_id=house.source.id)
    key = ("https://a.example/", "", "01900000-0000-7000-8000-000000000000")
    rare = (
        listing.Wanted(),
        listing.Wanted(kind="event"),
        listing.Wanted(language="is", published_since=house.store.at),
        listing.Wanted(DocumentState.REMOVED, updated_since=house.store.at),
    )
    for wanted, index in (
        (of_source, "ix_documents_source_state_url"),
        *((each, "ix_documents_listed (state=? AND id>?)") for each in rare),
    ):
        lines = await plans(house, lambda: listing.listed(house.store, wanted, key, 10))  # noqa: B023
        assert scans(lines) == []
        assert index in used(lines)
        assert "TEMP B-TREE FOR ORDER BY" not in "".join(lines)


async def test_runs_are_looked_for_without_reading_those_that_have_ended(house: House) -> None:
    await house.begin("a")
    lines = await plans(house, lambda: workers.reclaim(house.store, 60, house.worker))
    assert "SEARCH runs USING INDEX ix_runs_open (state=?)" in used(lines)
    assert scans(lines, "workers", "waiting", *DERIVED) == [], "of both there are few"
    lines = await plans(house, lambda: runs.waiting(house.store))
    assert "SEARCH runs USING INDEX ix_runs_open (state=?)" in used(lines)
    before = (house.store.at, "01900000-0000-7000-8000-000000000000")
    for state in (None, RunState.COMPLETED):
        lines = await plans(house, lambda: runs.listed(house.store, 20, state=state, before=before))  # noqa: B023
        assert "runs USING INDEX ix_runs_created ((created_at,id)<(?,?))" in used(lines)
        assert "TEMP B-TREE FOR ORDER BY" not in used(lines)


async def test_old_answers_are_found_by_their_age(house: House) -> None:
    lines = await plans(house, lambda: idempotency.sweep(house.store, house.store.now()))
    assert "ix_idempotency_keys_created" in used(lines)
    assert scans(lines) == []


async def test_what_exporters_and_readers_of_the_feed_ask_each_second(house: House) -> None:
    asked = await plans(house, lambda: exports.waiting(house.store, queries=True))
    assert scans(asked) == []
    assert "ix_jobs_open" in used(asked)
    fed = await plans(house, lambda: events.window(house.store, 5, 100, ("document.stored",)))
    assert scans(fed, "meta") == []
    assert scans(await plans(house, lambda: events.newest(house.store))) == []
