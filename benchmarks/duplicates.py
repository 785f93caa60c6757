"""Duplicates measured: recall by edit, precision, events against many known, and what the store pays for it.

    python -m benchmarks duplicates ../shared/data/wcxb-dev.jsonl.xz [--pages N] [--stored N] [--only WHAT]

Positives are labelled main texts (`truth.main_content`), edited by a share of their sentences or words. Negatives are
all pairs of different pages, and templates: a text in which its numbers, its subject, or a name in its title became
others. One process, CPU time.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import lzma
import random
import re
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count as numbers
from pathlib import Path

import orjson

from benchmarks.measure import arguments
from tidemill.models.capture import Capture
from tidemill.models.document import Draft, Processed
from tidemill.models.host import HostPolicy
from tidemill.models.ids import new_id
from tidemill.models.run import RunOptions
from tidemill.models.source import ProcessRules, SourceSpec
from tidemill.models.url import url_key, url_origin
from tidemill.models.visit import Fetched, Found
from tidemill.process.steps.deduplicate import fingerprint
from tidemill.process.steps.signature import signature
from tidemill.settings import DatabaseSettings
from tidemill.store import captures, leases, ledger, near, runs, schema, sources, workers
from tidemill.store.buckets import sieve, similarity, sketch, text_keys
from tidemill.store.engine import Store, open_store
from tidemill.store.graph import Graph
from tidemill.store.judge import Member
from tidemill.store.near import Node
from tidemill.store.processed import store_batch
from tidemill.store.templates import is_template, wording

THRESHOLDS = (0.6, 0.7, 0.75, 0.8, 0.85, 0.9)
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"\w+")
_NAME = re.compile(r"\b[A-Z][a-z]{3,}\b")
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Text:
    title: str
    content: str
    signature: bytes


def text_of(title: str, content: str) -> Text:
    return Text(title, content, signature(content))


def decide(one: Text, other: Text) -> float:
    """How similar the store would find them; 0 if it would not meet, or would take them for one template."""
    if set(text_keys(one.signature)).isdisjoint(text_keys(other.signature)):
        return 0.0
    if not sieve(sketch(one.signature), THRESHOLDS[0])(sketch(other.signature)):
        return 0.0
    found = similarity(one.signature, other.signature)
    if found < THRESHOLDS[0] or is_template(wording(one.title, one.content), wording(other.title, other.content)):
        return 0.0
    return found


# --- texts ------------------------------------------------------------------------------------------------------------


class Editor:
    """Edits of a text by a share of it, as those do who publish it again."""

    def __init__(self, texts: list[Text]) -> None:
        self.chosen = random.Random(1)
        self.texts = texts
        self.vocabulary = [word for text in texts[:300] for word in _WORD.findall(text.content)]

    def sentences(self, content: str) -> list[str]:
        return [sentence for sentence in _SENTENCE.split(content) if sentence]

    def dropped(self, content: str, share: float) -> str:
        found = self.sentences(content)
        gone = set(self.chosen.sample(range(len(found)), min(max(1, round(len(found) * share)), len(found) - 1)))
        return " ".join(sentence for place, sentence in enumerate(found) if place not in gone)

    def added(self, content: str, share: float) -> str:
        found, others = self.sentences(content), self.sentences(self.chosen.choice(self.texts).content)
        for _ in range(max(1, round(len(found) * share))):
            found.insert(self.chosen.randrange(len(found) + 1), self.chosen.choice(others))
        return " ".join(found)

    def reordered(self, content: str, share: float) -> str:
        found = self.sentences(content)
        for _ in range(max(1, round(len(found) * share / 2))):
            one, other = self.chosen.randrange(len(found)), self.chosen.randrange(len(found))
            found[one], found[other] = found[other], found[one]
        return " ".join(found)

    def reworded(self, content: str, share: float) -> str:
        parts = re.split(r"(\w+)", content)
        words = range(1, len(parts), 2)
        for place in self.chosen.sample(words, max(1, round(len(words) * share))):
            parts[place] = self.chosen.choice(self.vocabulary)
        return "".join(parts)

    def surrounded(self, content: str, share: float) -> str:
        """With a byline above and a share of foreign words around it."""
        count = max(6, round(len(_WORD.findall(content)) * share))
        around = _WORD.findall(self.chosen.choice(self.texts).content)[:count]
        half = len(around) // 2
        return f"By Jo Doe, 3 May 2026, 10:32. {' '.join(around[:half])}. {content} {' '.join(around[half:])}"

    def refilled(self, text: Text, what: str) -> Text | None:
        """The same template filled in otherwise: with other numbers, another subject, another word of the title."""
        if what == "numbers":
            content = re.sub(r"\d+", lambda found: str(int(found[0]) + self.chosen.randrange(1, 90)), text.content)
            return text_of(text.title, content) if len(re.findall(r"\d+", content)) >= 4 else None
        lower = set(re.findall(r"\b[a-z]+\b", text.content))
        names = Counter(name for name in _NAME.findall(text.content) if name.lower() not in lower)
        if what == "subject":
            common = [name for name, count in names.most_common(1) if count >= 3]
        else:
            common = [name for name in _NAME.findall(text.title) if name in names]
        if not common:
            return None
        new = self.chosen.choice(("Zaragoza", "Quimper", "Vaduz", "Xanthi"))
        return text_of(text.title.replace(common[0], new), re.sub(rf"\b{common[0]}\b", new, text.content))


def texts_of(path: Path, most: int) -> list[Text]:
    found = []
    with lzma.open(path) as lines:
        for line in lines:
            truth = orjson.loads(line)["truth"]
            text = text_of(truth.get("title") or "", truth.get("main_content") or "")
            if text.signature:
                found.append(text)
    return found[:most]


def different_pages(texts: list[Text]) -> Iterator[tuple[Text, Text]]:
    """The pairs that share a key, each once; of all others the store never hears."""
    under: defaultdict[int, list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        for key in text_keys(text.signature):
            under[key].append(number)
    pairs = {(one, other) for found in under.values() for one in found for other in found if one < other}
    yield from ((texts[one], texts[other]) for one, other in sorted(pairs))


def line(name: str, found: list[float], *, share: bool = True) -> None:
    counts = [sum(each >= threshold for each in found) for threshold in THRESHOLDS]
    shown = [f"{count / len(found):7.1%}" if share else f"{count:7}" for count in counts]
    print(f"{name:32} {len(found):6} " + " ".join(shown))


def texts(path: Path, most: int) -> None:
    found = texts_of(path, 10**6)
    editor = Editor(found)
    sample = random.Random(2).sample(found, min(most, len(found)))
    edits: dict[str, Callable[[str, float], str]] = {
        "sentences dropped": editor.dropped,
        "sentences added": editor.added,
        "sentences reordered": editor.reordered,
        "words replaced": editor.reworded,
        "byline and boilerplate": editor.surrounded,
    }
    print(f"\nrecall: share of edited texts recognised from a similarity on\n{'edit':32} {'pairs':>6} ", end="")
    print(" ".join(f"{threshold:7}" for threshold in THRESHOLDS))
    positives: list[float] = []
    for name, edit in edits.items():
        for share in SHARES:
            scores = [decide(text, text_of(text.title, edit(text.content, share))) for text in sample]
            line(f"{name} {share:.0%}", scores)
            positives += scores
    line("all edits", positives)
    print("wrongly taken for duplicates")
    pages = [decide(one, other) for one, other in different_pages(found)]
    line(f"different pages (of {len(found) * (len(found) - 1) // 2:,} pairs)"[:32], pages, share=False)
    templates: list[float] = []
    for what in ("numbers", "subject", "title"):
        scores = [decide(text, other) for text in sample if (other := editor.refilled(text, what))]
        line(f"template: other {what}", scores)
        templates += scores
    wrong = pages + templates
    right = [sum(each >= threshold for each in positives) for threshold in THRESHOLDS]
    false = [sum(each >= threshold for each in wrong) for threshold in THRESHOLDS]
    shown = " ".join(f"{a / max(a + b, 1):7.2%}" for a, b in zip(right, false, strict=True))
    print(f"{'precision':32} {len(positives) + len(wrong):6} {shown}")


# --- events -----------------------------------------------------------------------------------------------------------

_WHAT = ("Jazz", "Poetry", "Chess", "Film", "Choir", "Yoga", "Science", "Comedy", "Book", "Dance", "Garden", "History")
_KIND = ("night", "workshop", "festival", "concert", "lecture", "walk", "fair", "tour", "reading", "meeting")
_WITH = ("Miller", "Okafor", "Rossi", "Tanaka", "Larsen", "Novak", "Silva", "Dubois", "Kim", "Haddad", "Weber", "Costa")
_PLACES = [f"{name} {kind}" for name in ("City", "Old", "North", "River", "King", "Park") for kind in ("Hall", "House")]


def announced(chosen: random.Random) -> tuple[str, str, str]:
    """One of 17,280 titles at one of 5,475 moments: about 18 of 100,000 begin together."""
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=chosen.randrange(365), hours=chosen.randrange(8, 23))
    title = f"{chosen.choice(_WHAT)} {chosen.choice(_KIND)} with {chosen.choice(_WITH)} and {chosen.choice(_WITH)}"
    return title, start.isoformat(), chosen.choice(_PLACES)


async def events(known: int) -> None:
    """What the store does to find events again, as it does when it stores them; nothing is written meanwhile."""
    chosen, rules = random.Random(3), ProcessRules()
    given = [announced(chosen) for _ in range(known)]
    again = chosen.sample(range(known), 500)
    new = [(f"{t.upper()} (tickets left)", s, f"{p}, Main Street 1") for t, s, p in (given[n] for n in again)]
    new += [announced(chosen) for _ in range(500)]
    async with opened(rules) as desk:
        cost = await desk.hand_over("known", calendar(iter(given), rules), known)
        gc.freeze()  # what the benchmark itself has made is not the store's to look through
        spent = []
        for _ in range(5):
            async with desk.store.read() as connection:
                graph, nodes = Graph(connection), [event_node(desk.source_id, *each) for each in new]
                began = time.process_time()
                await graph.add(nodes)
                await graph.look_around(nodes)
                found = [graph.neighbours(node) for node in nodes]
                spent.append(time.process_time() - began)
    right, wrong = sum(map(bool, found[:500])), sum(map(bool, found[500:]))
    print(f"\n1,000 events against {known:,} stored: {statistics.median(spent) * 1000:.0f} ms of CPU;", end=" ")
    print(f"{right} of 500 found again, {wrong} of 500 others found alike; storing them cost {cost:.2f} ms each")


def event_node(source_id: str, title: str, start: str, place: str) -> Node:
    """An event that is not stored yet."""
    name = new_id()
    member = Member(name, source_id, name, f"http://bench.example/new/{name}", "", None, content_hash=name)
    return near.node(member, "event", title, {"start": start, "location": place}, None)


# --- the store --------------------------------------------------------------------------------------------------------


class Desk:
    """A store, and a worker who hands it documents as fast as it takes them: each time those of a new source."""

    def __init__(
        self, opened: Store, worker_id: str, rules: ProcessRules, clock: Callable[[], float] = time.process_time
    ) -> None:
        self.store, self.worker_id, self.rules, self.clock = opened, worker_id, rules, clock
        self.source_id = ""
        """Of the source whose documents were handed over last."""

    async def hand_over(self, name: str, drafts: Iterator[Draft], count: int) -> float:
        """Milliseconds (of CPU, unless the clock is another) that `store_batch` took for each of these documents."""
        spec = SourceSpec(name=name, start=("http://bench.example/",), process=self.rules)
        source, _ = await sources.apply(self.store, spec)
        self.source_id = source.id
        keys = [url_key(f"http://bench.example/{name}/{number}") for number in range(count)]
        run = await runs.create(self.store, source, RunOptions(), [Found(key, url_origin(key)) for key in keys])
        await runs.begin(self.store, run.id, self.worker_id)
        entry = runs.entry_of(run.id, source, run.options)
        while visits := await leases.lease(
            self.store, run.id, self.worker_id, limit=500, max_pages=10**9, horizon_s=10, interval_s=lambda _: 0.0
        ):
            fetched = [Fetched(v, capture=captured(v.run_id, v.page_id, v.source_id, v.url)) for v in visits]
            await ledger.record(self.store, entry, fetched, HostPolicy(interval_s=lambda _: 0.0))
        return await self._store(drafts) / max(count, 1) * 1000

    async def _store(self, drafts: Iterator[Draft]) -> float:
        spent = 0.0
        while True:
            token, claimed = await captures.claim(self.store, self.worker_id, _BATCH)
            if not claimed:
                return spent
            batch = [(each, Processed(each.id, (next(drafts),))) for each in claimed]
            began = self.clock()
            await store_batch(self.store, token, batch, max_attempts=3)
            spent += self.clock() - began


def captured(run_id: str, page_id: str, source_id: str, url: str) -> Capture:
    identifier = new_id()
    at = datetime.now(UTC)
    body = identifier.replace("-", "") * 2
    return Capture(identifier, run_id, page_id, source_id, url, at, 200, "text/html", "text/html", body, 1000)


def articles(sentences: list[str], rules: ProcessRules, seed: int) -> Iterator[Draft]:
    """Texts of thirty sentences each, no two alike."""
    chosen = random.Random(seed)
    at = captured("", "", "", "http://bench.example/")
    while True:
        content = "\n".join(chosen.choice(sentences) for _ in range(30))
        draft = Draft(
            kind="article", title=chosen.choice(sentences)[:60], content=content, markdown=content, language="en"
        )
        yield fingerprint(draft, rules, at)


def equal_pages(rules: ProcessRules) -> Iterator[Draft]:
    draft = next(articles(["This page is made from an empty template, as are all the others of this site."], rules, 1))
    while True:
        yield draft


def calendar(given: Iterable[tuple[str, str, str]], rules: ProcessRules) -> Iterator[Draft]:
    at = captured("", "", "", "http://bench.example/")
    for title, start, place in given:
        yield fingerprint(Draft(kind="event", title=title, fields={"start": start, "location": place}), rules, at)


async def store(path: Path, stored: int) -> None:
    sentences = [each for text in texts_of(path, 300) for each in _SENTENCE.split(text.content) if len(each) > 20]
    print("\nstoring in batches of 32, CPU ms a document")
    for name, rules in (("exact only", ProcessRules(near_duplicates=None)), ("near-duplicates, too", ProcessRules())):
        async with opened(rules) as desk:
            await desk.hand_over("warm", articles(sentences, rules, 0), 500)
            few = await desk.hand_over("few", articles(sentences, rules, 1), 5000)
            await desk.hand_over("before", articles(sentences, rules, 2), stored)
            many = await desk.hand_over("many", articles(sentences, rules, 3), 5000)
            print(f"{name:24}  {few:.3f} ms; {many:.3f} ms with {stored + 5500:,} stored", flush=True)
    chosen = random.Random(5)
    several = calendar((announced(chosen) for _ in numbers()), rules)
    for name, drafts in (("equal pages", equal_pages(rules)), ("events", several)):
        async with opened(rules) as desk:
            first, second = [await desk.hand_over(half, drafts, 5000) for half in ("first", "second")]
            print(f"{name:24}  {first:.3f} ms, the second 5,000 {second:.3f} ms", flush=True)


@asynccontextmanager
async def opened(rules: ProcessRules) -> AsyncIterator[Desk]:
    """A new store."""
    with tempfile.TemporaryDirectory() as folder:
        made = open_store(f"sqlite:///{folder}/t.db", DatabaseSettings())
        await schema.ensure_schema(made)
        worker = await workers.register(made, "processor")
        yield Desk(made, worker.id, rules)
        await made.close()


def main() -> None:
    """Read the arguments, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages_file", nargs="?", type=Path, default=Path("../shared/data/wcxb-dev.jsonl.xz"))
    parser.add_argument("--pages", type=int, default=300, help="how many pages are edited")
    parser.add_argument(
        "--stored", type=int, default=20_000, help="how many documents the store holds in the second row"
    )
    parser.add_argument("--events", type=int, default=100_000, help="how many events are known")
    parser.add_argument("--only", choices=("texts", "events", "store"))
    asked = parser.parse_args(arguments())
    if asked.only in (None, "texts"):
        texts(asked.pages_file, asked.pages)
    if asked.only in (None, "events"):
        asyncio.run(events(asked.events))
    if asked.only in (None, "store"):
        asyncio.run(store(asked.pages_file, asked.stored))


if __name__ == "__main__":
    main()
