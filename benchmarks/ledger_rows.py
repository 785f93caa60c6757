"""The rows of `ledger_at_size`: sources, runs, pages, visits, captures, the queue, events and documents, made in bulk.

In: how many visits, of how many sources. Out: tables as three days leave them, the third under way. Made by the server
itself (`INSERT … SELECT generate_series`), so that nothing is sent.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import text

from tidemill.store.engine import Store

DAYS = 3
RARE = "is"
"""A language that few documents have."""

ID = "(lpad(to_hex({ms}), 12, '0') || '70008000' || lpad(to_hex({n}), 12, '0'))::uuid"
DAY_MS = "(extract(epoch FROM date_trunc('day', now()) - make_interval(days => {last} - d)) * 1000)::int8"
_LARGE = ("pages", "visits", "captures", "waiting", "events", "documents", "document_tags")
"""Their keys hold by the way the rows are made."""

_INDEXES = "UPDATE pg_index SET indisready = {is_ready} WHERE indrelid = '{table}'::regclass"


@dataclass
class Size:
    """How many of each."""

    visits: int
    sources: int
    backlog: int

    @property
    def each(self) -> int:
        """Pages of a source."""
        return self.visits // DAYS // self.sources

    @property
    def waiting(self) -> int:
        """Sources of which one page in twenty waits to be processed."""
        return self.backlog // len(range(1, self.each + 1, 20))


def loading(size: Size) -> list[tuple[str, str]]:
    """The statements that make the rows. The last day's runs are under way: half of their pages are to be fetched."""
    source, page = "md5('s' || s)::uuid", "md5('p' || s || '.' || p)::uuid"
    run = ID.format(ms=DAY_MS.format(last=DAYS - 1), n="s")
    capture = ID.format(ms=DAY_MS.format(last=DAYS - 1) + " + 1", n=f"s::int8 * {size.each} + p")
    day = f"(date_trunc('day', now()) - make_interval(days => {DAYS - 1} - d))"
    all_sources, all_days = f"generate_series(1, {size.sources}) s", f"generate_series(0, {DAYS - 1}) d"
    all_pages = f"generate_series(1, {size.each}) p"
    is_last = f"d = {DAYS - 1}"
    is_open = f"{is_last} AND p % 2 = 0"
    waits = f"{is_last} AND p % 20 = 1 AND s <= {size.waiting}"
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
            "hosts",
            f"""INSERT INTO hosts (origin, next_slot_at, latency_s)
            SELECT 'https://h' || s || '.example', now(), 0.2 FROM {all_sources}""",
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
            tried_at, finished_at, capture_id)
            SELECT {run}, {page}, 'https://h' || s || '.example',
            CASE WHEN {is_open} THEN 'pending' WHEN {waits} THEN 'captured' ELSE 'done' END,
            CASE WHEN {is_open} OR {waits} THEN NULL WHEN p % 10 < 7 THEN 'unchanged' WHEN p % 10 < 9 THEN 'changed'
            ELSE 'stored' END, 200, p % 6, CASE WHEN {is_open} THEN 0 ELSE 1 END, {day}, {day}, {day},
            CASE WHEN p % 10 IN (1, 7, 8, 9) AND NOT ({is_open}) THEN {capture} END
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
            FROM {all_days}, {all_sources}, {all_pages} WHERE {waits}""",
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
            SELECT {page}, {source}, {page}, '', 'https://h' || s || '.example/section/' || p,
            CASE WHEN s % 500 = 1 THEN 'removed' ELSE 'current' END, 1, {page},
            now(), now() - interval '99 days', now() - make_interval(days => p % 90), 'article', 'A title ' || p,
            repeat(md5('t' || p), 10), repeat(md5('t' || p), 10), 60, 1, '[]', '{{}}', '{{}}', '[]', '[]',
            md5('c' || p) || md5('c' || s), md5('f' || p) || md5('f' || s)
            FROM {all_sources}, {all_pages} WHERE p % 4 = 0""",
        ),
        ("documents", f"UPDATE documents SET language = '{RARE}' WHERE url LIKE 'https://h__7.example/%'"),
        ("tags", "INSERT INTO tags (id, name) SELECT md5('tag' || n)::uuid, 'tag ' || n FROM generate_series(0, 19) n"),
        (
            "document_tags",
            f"""INSERT INTO document_tags (document_id, tag_id) SELECT {page}, md5('tag' || s % 20)::uuid
            FROM {all_sources}, {all_pages} WHERE p % 4 = 0""",
        ),
    ]


async def load(store: Store, size: Size) -> None:
    """All rows, then their indexes, since those of random keys take hours as they come; then statistics."""
    async with store.write() as connection:
        for name in _LARGE:
            await connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER ALL"))
            await connection.execute(text(_INDEXES.format(is_ready="false", table=name)))
    for table, statement in loading(size):
        began = time.perf_counter()
        async with store.write() as connection:
            await connection.execute(text("SET LOCAL synchronous_commit = off"))
            loaded = await connection.execute(text(statement))
        print(f"{table:14} {loaded.rowcount:>11,} rows {time.perf_counter() - began:>6.0f} s", flush=True)
    async with store.writer.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for name in _LARGE:
            began = time.perf_counter()
            await connection.execute(text(f"REINDEX TABLE {name}"))
            await connection.execute(text(f"ALTER TABLE {name} ENABLE TRIGGER ALL"))
            whole = int(await connection.scalar(text(f"SELECT pg_total_relation_size('{name}')")) or 0)
            print(f"{name:14} {whole / 2**20:>8,.0f} MiB {time.perf_counter() - began:>6.0f} s", flush=True)
        await connection.execute(text("VACUUM (ANALYZE)"))
