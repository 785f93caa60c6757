"""The search measured: how good its answers are, and how fast it finds and takes in documents.

    python -m benchmarks search [PAGES.jsonl.xz] [--documents N] [--only relevance|speed]

Relevance is nDCG@10 on labelled questions (`search_data`), of each engine that can be had here, against rank-bm25 with
the same tokens. Speed is that of tantivy over many documents of real words, against PostgreSQL's `ts_rank_cd` with GIN
in the same run. PAGES is a file of pages with labelled main texts, for other and more words.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import asyncpg

from benchmarks.measure import arguments
from benchmarks.peers.environment import peers_python
from benchmarks.search_data import Labelled, articles, labelled, many
from benchmarks.search_store import indexed_from_store
from tidemill.models.document import Document
from tidemill.search.analysis import Analysis
from tidemill.search.base import Position, SearchEngine, SearchQuery
from tidemill.search.indexer import LONGEST_TURN_S
from tidemill.search.tantivy import TantivyEngine

RANK = Path(__file__).parent / "peers" / "bm25_rank.py"
BATCH = 1000
WORDS = 20
ROUNDS = 20


def main() -> None:
    """Both, or the one that is named."""
    parser = argparse.ArgumentParser(prog="benchmarks search")
    parser.add_argument("pages", nargs="?", type=Path)
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--only", choices=("relevance", "speed"))
    given = parser.parse_args(arguments())
    texts = articles(given.pages)
    if given.only != "speed":
        asyncio.run(_relevance(labelled(texts)))
    if given.only != "relevance":
        asyncio.run(_speed(texts, given.documents))


# --- relevance --------------------------------------------------------------------------------------------------------


async def _relevance(collection: Labelled) -> None:
    count, asked = len(collection.documents), len(collection.questions)
    print(f"\nrelevance: nDCG@10, {asked} questions on {count} documents")
    baseline = _baseline(collection)
    if baseline is not None:
        print(f"  rank-bm25 (Okapi), the same tokens  {_ndcg_of(collection, baseline):.4f}")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("tantivy", "postgresql", "opensearch"):
            async with _engine(name, Path(folder)) as engine:
                if engine is not None:
                    print(f"  {name:<35} {_ndcg_of(collection, await _ranked(engine, collection)):.4f}", flush=True)


async def _ranked(engine: SearchEngine, collection: Labelled) -> list[list[str]]:
    await _fill(engine, collection.documents)
    ranked = []
    for number in sorted(collection.questions):
        found = await engine.search(SearchQuery(collection.questions[number], limit=10))
        ranked.append([hit.id for hit in found.hits])
    return ranked


def _baseline(collection: Labelled) -> list[list[str]] | None:
    """Plain BM25 over the stems of title and text, without stop words in the question, as our engines see them."""
    python = peers_python()
    if python is None:
        return None
    analysis = Analysis()

    def tokens(text: str) -> list[str]:
        return list(analysis.for_stems(text, "en").analyze(text))

    def question(text: str) -> list[str]:
        return [token for word in text.split() for token in tokens(word) if not analysis.is_stop_word(word, ("en",))]

    given = {
        "documents": [tokens(each.draft.title) + tokens(each.draft.content) for each in collection.documents],
        "questions": [question(collection.questions[number]) for number in sorted(collection.questions)],
    }
    done = subprocess.run([python, RANK], input=json.dumps(given), capture_output=True, text=True, check=True)
    return [[collection.documents[place].id for place in places] for places in json.loads(done.stdout)]


def _ndcg_of(collection: Labelled, ranked: Sequence[Sequence[str]]) -> float:
    return statistics.fmean(ndcg(collection.grades[number], found) for number, found in enumerate(ranked))


def ndcg(grades: dict[str, int], found: Sequence[str], at: int = 10) -> float:
    """Normalised discounted cumulative gain: 1 if the best documents come first, best of them foremost."""

    def gain(values: Sequence[int]) -> float:
        return sum((2**value - 1) / math.log2(place + 2) for place, value in enumerate(values[:at]))

    best = gain(sorted(grades.values(), reverse=True))
    return gain([grades.get(one, 0) for one in found]) / best if best else 0.0


# --- speed ------------------------------------------------------------------------------------------------------------


async def _speed(texts: Sequence[tuple[str, list[str]]], count: int) -> None:
    print(f"\nspeed: {count:,} documents of real words; others may be at work on this machine")
    with tempfile.TemporaryDirectory() as folder:
        engine = TantivyEngine(Path(folder) / "index")
        await engine.try_lock()
        await engine.begin("bench")
        documents = list(many(texts, count))
        _tell_rate("taken in by the engine", count, *await _fill(engine, documents))
        print(f"  size of the index {_size_mb(folder):.0f} MB", flush=True)
        words = _common(documents)
        plain = await _times(engine, words)
        counted = await _times(engine, words, facets=("source", "kind", "language"))
        asked = [f"{first} {second}" for first, second in pairwise(words)]
        together = await _times(engine, asked, facets=("source", "kind", "language"))
        await engine.close()
    with tempfile.TemporaryDirectory() as folder:
        _tell_rate("from the store to the index", count, *await indexed_from_store(documents, Path(folder)))
    _tell("tantivy, common word", plain)
    _tell("tantivy, with three facets", counted)
    _tell("two common words, facets", together)
    ranked = await _ts_rank_cd(documents, words)
    _tell("PostgreSQL ts_rank_cd, GIN", ranked)
    print(f"  ratio of the p95: 1/{_at(ranked, 95) / _at(plain, 95):.0f}")


def _size_mb(folder: str) -> float:
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6


async def _fill(engine: SearchEngine, documents: Sequence[Document]) -> tuple[float, float]:
    """Write all, with a commit as often as the indexer makes one; gives wall and CPU seconds."""
    begun, before = time.perf_counter(), os.times()
    committed = begun
    for start in range(0, len(documents), BATCH):
        now = time.perf_counter()
        more = start + BATCH < len(documents) and now - committed < LONGEST_TURN_S
        committed = committed if more else now
        await engine.apply(documents[start : start + BATCH], (), Position("bench", start + 1), more=more)
    after = os.times()
    return time.perf_counter() - begun, after.user + after.system - before.user - before.system


async def _times(engine: SearchEngine, words: Sequence[str], **options: object) -> list[float]:
    times = []
    for _ in range(ROUNDS):
        for word in words:
            begun = time.perf_counter()
            await engine.search(SearchQuery(word, **options))  # type: ignore[arg-type]
            times.append((time.perf_counter() - begun) * 1000)
    return times


def _common(documents: Sequence[Document]) -> list[str]:
    """The most frequent words that mean something."""
    analysis = Analysis()
    counted: Counter[str] = Counter()
    for each in documents[:5000]:
        counted.update(set(analysis.tokens(each.draft.content)))
    words = (word for word, _ in counted.most_common(500))
    return [word for word in words if len(word) > 3 and not analysis.is_stop_word(word, ("en",))][:WORDS]


async def _ts_rank_cd(documents: Sequence[Document], words: Sequence[str]) -> list[float]:
    from tests.harness.postgres import need_postgres

    server = need_postgres()
    url = await server.empty()
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TABLE d (id text, title text, content text, v tsvector)")
        rows = [(each.id, each.draft.title, each.draft.content) for each in documents]
        await connection.copy_records_to_table("d", records=rows, columns=("id", "title", "content"))
        await connection.execute(
            "UPDATE d SET v = setweight(to_tsvector('english', title), 'A')"
            " || setweight(to_tsvector('english', content), 'B')",
            timeout=1800,
        )
        await connection.execute("CREATE INDEX ON d USING gin (v)", timeout=1800)
        await connection.execute("VACUUM FULL ANALYZE d", timeout=1800)
        times = []
        for word in [*words[:3], *words]:
            begun = time.perf_counter()
            await connection.fetch(
                "SELECT id, ts_rank_cd(v, q) AS rank FROM d, websearch_to_tsquery('english', $1) AS q"
                " WHERE v @@ q ORDER BY rank DESC LIMIT 10",
                word,
            )
            times.append((time.perf_counter() - begun) * 1000)
        return times[3:]
    finally:
        await connection.close()
        await server.drop(url)


@asynccontextmanager
async def _engine(name: str, folder: Path) -> AsyncIterator[SearchEngine | None]:
    """An engine of that name, begun; `None`, and told, if it cannot be had here."""
    from tests.contract.search_house import place_of

    try:
        with place_of(name, folder / name) as place:
            engine = place.open()
            try:
                await engine.try_lock()
                await engine.begin("bench")
                yield engine
            finally:
                await engine.close()
    except ImportError as error:
        print(f"  {name:<35} left out: {error}")
        yield None


def _tell_rate(what: str, count: int, wall_s: float, cpu_s: float) -> None:
    rate, of_cpu = f"{count / wall_s:,.0f} documents/s", f"{count / cpu_s:,.0f} per CPU second"
    print(f"  {what:<28} {rate} ({of_cpu})", flush=True)


def _tell(what: str, times: Sequence[float]) -> None:
    figures = "  ".join(f"p{share} {_at(times, share):8.2f} ms" for share in (50, 95, 99))
    print(f"  {what:<28} {figures}", flush=True)


def _at(times: Sequence[float], share: int) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * share / 100) - 1)]


if __name__ == "__main__":
    main()
