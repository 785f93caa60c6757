"""Extraction measured beside trafilatura alone: word F1, titles, dates, milliseconds a page, by page type and stage.

    python benchmarks/extraction.py ../shared/data/wcxb-dev.jsonl.xz [--step N] [--no-peer]

Reads labelled pages (`{"id", "url", "page_type", "html", "truth"}` a line, xz) and prints a table. F1 is over bags of
words, the mean over pages; a date counts as known if the truth has one. One process, CPU time.
"""

from __future__ import annotations

import argparse
import logging
import lzma
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from tidemill.models.capture import Capture
from tidemill.models.document import Draft
from tidemill.models.source import ProcessRules
from tidemill.process.extract.article import extract_article
from tidemill.process.extract.page import Page
from tidemill.process.extract.structured import extract_structured
from tidemill.process.pipeline import preload, process
from tidemill.process.steps.registry import steps_in_order

WORD = re.compile(r"\w+")
_FETCHED_AT = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Answer:
    content: str
    title: str
    date: str | None


@dataclass
class Score:
    f1: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    titles: list[bool] = field(default_factory=list)
    known_dates: list[bool] = field(default_factory=list)
    invented_dates: list[bool] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, page: dict[str, Any], answer: Answer) -> None:
        truth = page["truth"]
        self.f1[page["page_type"]].append(word_f1(answer.content, truth.get("main_content") or ""))
        if truth.get("title"):
            self.titles.append(folded(answer.title) == folded(truth["title"]))
        if truth.get("publish_date"):
            self.known_dates.append(answer.date == truth["publish_date"][:10])
        else:
            self.invented_dates.append(answer.date is not None)


def word_f1(found: str, truth: str) -> float:
    """Harmonic mean of precision and recall over the bags of lower-case words."""
    given, wanted = Counter(WORD.findall(found.lower())), Counter(WORD.findall(truth.lower()))
    if not given and not wanted:
        return 1.0
    common = sum((given & wanted).values())
    return 2 * common / (sum(given.values()) + sum(wanted.values()))


def folded(text: str) -> str:
    return " ".join(text.casefold().split())


def pages_of(path: Path, step: int) -> Iterator[dict[str, Any]]:
    with lzma.open(path) as lines:
        for number, line in enumerate(lines):
            if number % step == 0:
                page = orjson.loads(line)
                yield {**page, "url": page["url"] or ""}


def capture_of(page: dict[str, Any], body: bytes) -> Capture:
    return Capture(
        page["id"], "", "", "", page["url"], _FETCHED_AT, 200, "text/html", "text/html; charset=utf-8", "", len(body)
    )


def ours(page: dict[str, Any]) -> Answer:
    body = page["html"].encode()
    result = process(capture_of(page, body), body, ProcessRules())
    if not result.drafts:
        raise ValueError(result.reason)
    draft = next((draft for draft in result.drafts if not draft.item_key), result.drafts[0])
    return Answer(draft.content, draft.title, draft.published_at.date().isoformat() if draft.published_at else None)


def trafilatura_alone(page: dict[str, Any]) -> Answer:
    from trafilatura import bare_extraction

    document: Any = bare_extraction(page["html"], url=page["url"], with_metadata=True)
    if document is None:
        return Answer("", "", None)
    return Answer(document.text or "", document.title or "", document.date)


def measure(pages: list[dict[str, Any]], answer: Callable[[dict[str, Any]], Answer]) -> Score:
    score = Score()
    for page in pages:
        began = time.process_time()
        try:
            found = answer(page)
        except Exception as error:  # noqa: BLE001 - a page that fails is a line of the report.
            score.errors.append(f"{page['id']} {page['url'][:60]}: {type(error).__name__}: {error}")
            found = Answer("", "", None)
        score.seconds.append(time.process_time() - began)
        score.add(page, found)
    return score


def stages(pages: list[dict[str, Any]]) -> dict[str, float]:
    """Milliseconds a page of each part of our way, taken apart."""
    spent: defaultdict[str, float] = defaultdict(float)

    def timed(name: str, work: Callable[[], Any]) -> Any:
        began = time.process_time()
        result = work()
        spent[name] += time.process_time() - began
        return result

    steps = steps_in_order()
    for given in pages:
        body = given["html"].encode()
        page = Page(capture_of(given, body), body)
        timed("decode", lambda page=page: page.text)
        timed("parse (lexbor, guarded)", lambda page=page: page.tree)
        timed("metadata", lambda page=page: page.metadata)
        timed("blocks", lambda page=page: page.measures)
        timed("main text", lambda page=page: page.main_text)
        timed("dates", lambda page=page: page.dates)
        drafts: tuple[Draft, ...] = timed("drafts", lambda page=page: extract_structured(page) + extract_article(page))
        for step in steps:
            name = f"step {getattr(step, '__name__', '?')}"
            drafts = timed(
                name,
                lambda step=step, drafts=drafts, capture=page.capture: tuple(
                    step(draft, ProcessRules(), capture) for draft in drafts
                ),
            )
    return {name: 1000 * seconds / len(pages) for name, seconds in spent.items()}


def share(values: list[bool]) -> str:
    return f"{sum(values) / len(values):.3f}" if values else "-"


def report(scores: dict[str, Score]) -> None:
    width = max(map(len, scores))
    types = sorted({name for score in scores.values() for name in score.f1})
    columns = ["all", *types, "titles", "dates", "invented", "ms/page", "p99 ms", "max ms", "errors"]
    print(" " * width, *(f"{name[:13]:>13}" for name in columns))
    for name, score in scores.items():
        every = [value for values in score.f1.values() for value in values]
        means = [sum(every) / len(every), *(sum(score.f1[kind]) / len(score.f1[kind]) for kind in types)]
        ordered = sorted(score.seconds)
        times = [1000 * sum(ordered) / len(ordered), 1000 * ordered[int(0.99 * len(ordered))], 1000 * ordered[-1]]
        cells = [f"{mean:.4f}" for mean in means]
        cells += [share(score.titles), share(score.known_dates), share(score.invented_dates)]
        cells += [*(f"{value:.1f}" for value in times), str(len(score.errors))]
        print(f"{name:<{width}}", *(f"{cell:>13}" for cell in cells))
    for name, score in scores.items():
        for line in score.errors[:20]:
            print(f"{name}: {line}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--step", type=int, default=1, help="take every Nth page")
    parser.add_argument("--no-peer", action="store_true", help="leave trafilatura alone out")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    preload()
    pages = list(pages_of(options.data, options.step))
    print(f"{len(pages)} pages")
    scores = {"tidemill": measure(pages, ours)}
    if not options.no_peer:
        scores["trafilatura"] = measure(pages, trafilatura_alone)
    report(scores)
    print("\nms a page by stage:")
    for name, milliseconds in stages(pages).items():
        print(f"  {name:<36}{milliseconds:8.2f}")


if __name__ == "__main__":
    main()
