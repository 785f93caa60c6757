"""How often verdicts are wrong, and what they cost: walls missed, good pages taken for walls, milliseconds a page.

    python -m benchmarks verdicts        or  python benchmarks/verdicts.py [--step N]

Walls and lookalikes are the samples of the unit tests (our own text); good pages are labelled real ones, read from
`../shared/data/wcxb-dev.jsonl.xz` beside the repository, and left out with a message if that is not there. Each good
page that is caught is listed with its evidence, to be looked at by a person: real collections hold walls too.
"""

from __future__ import annotations

import argparse
import lzma
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import orjson

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.unit.crawl.verdict_samples.holes import GONE, SHELLS  # noqa: E402
from tests.unit.crawl.verdict_samples.lookalikes import LOOKALIKES  # noqa: E402
from tests.unit.crawl.verdict_samples.pages import Sample  # noqa: E402
from tests.unit.crawl.verdict_samples.protection import PROTECTION  # noqa: E402
from tests.unit.crawl.verdict_samples.walls import WALLS  # noqa: E402

from tidemill.crawl.verdicts import THRESHOLD, judge, needs_browser  # noqa: E402
from tidemill.crawl.verdicts.judge import suspicion  # noqa: E402
from tidemill.markup.parse import parse_html  # noqa: E402

DATA = ROOT.parent / "shared" / "data" / "wcxb-dev.jsonl.xz"
T = TypeVar("T")
THRESHOLDS = (0.5, 0.6, THRESHOLD, 0.8, 0.9)


@dataclass(frozen=True)
class Judged:
    """One page: how surely it seems a wall (0 if nothing speaks for it), why, and what the answers cost."""

    name: str
    confidence: float
    reason: str
    evidence: tuple[str, ...]
    needs_browser: bool
    judge_ms: float
    shell_ms: float


def judged(sample: Sample) -> Judged:
    """The verdict on one page with the time that it took; parsing is not counted, the crawl does that anyway."""
    tree = parse_html(sample.html)
    given = (sample.status, sample.headers, tree, sample.html, sample.url)
    _, judge_ms = _timed(lambda: judge(*given))
    need, shell_ms = _timed(lambda: needs_browser(tree, sample.html, sample.url))
    best = suspicion(*given)
    return Judged(
        name=sample.name,
        confidence=best.confidence if best else 0.0,
        reason=best.reason if best else "",
        evidence=best.evidence if best else (),
        needs_browser=need is not None,
        judge_ms=judge_ms,
        shell_ms=shell_ms,
    )


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.process_time_ns()
    answer = work()
    return answer, (time.process_time_ns() - began) / 1e6


def good_pages(step: int) -> Iterator[Sample]:
    """Every `step`th labelled page."""
    with lzma.open(DATA) as lines:
        for number, line in enumerate(lines):
            if number % step == 0:
                page = orjson.loads(line)
                url = page["url"] or "https://unknown.example/"
                yield Sample(f"{page['id']} {page['page_type']} {url[:70]}", page["html"], url=url)


def errors(group: Sequence[Judged], threshold: float, *, are_walls: bool) -> str:
    """How many of a group are wrong at a threshold, and the share."""
    wrong = sum((page.confidence >= threshold) != are_walls for page in group)
    return f"{wrong} ({100 * wrong / len(group):.2f} %)"


def report(name: str, group: Sequence[Judged], *, are_walls: bool) -> None:
    cells = "".join(f"{errors(group, threshold, are_walls=are_walls):>14}" for threshold in THRESHOLDS)
    print(f"{name:<28}{len(group):>6}{cells}")


def costs(name: str, milliseconds: Sequence[float]) -> None:
    ordered = sorted(milliseconds)
    at = (ordered[len(ordered) // 2], ordered[int(0.95 * len(ordered))], ordered[-1])
    print(f"{name:<28}{sum(ordered) / len(ordered):>8.3f}" + "".join(f"{value:>8.3f}" for value in at))


def main() -> None:
    """Print the table of errors, the pages that were judged wrongly, and the costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", type=int, default=1, help="take every Nth real page")
    options, _ = parser.parse_known_args()
    walls = [judged(sample) for sample in (*PROTECTION, *WALLS, *GONE)]
    lookalikes = [judged(sample) for sample in LOOKALIKES]
    good = [judged(sample) for sample in good_pages(options.step)] if DATA.is_file() else []
    print(f"{'wrong at threshold':<28}{'pages':>6}{''.join(f'{threshold:>14}' for threshold in THRESHOLDS)}")
    report("walls missed", walls, are_walls=True)
    report("lookalikes caught", lookalikes, are_walls=False)
    if not good:
        print(f"no real pages: {DATA.name} is not beside the repository (looked in ../shared/data)")
        return
    report("real good pages caught", good, are_walls=False)
    for page in (page for page in (*lookalikes, *good) if page.confidence >= THRESHOLDS[0]):
        print(f"  {page.confidence:.2f} {page.reason:<14} {page.name}\n       {'; '.join(page.evidence)[:200]}")
    shells = sum(needs_browser(parse_html(html), html, "https://a.example/") is not None for html in SHELLS)
    print(f"\nshells seen: {shells} of {len(SHELLS)}; real good pages taken for shells:")
    print("".join(f"  {page.name}\n" for page in good if page.needs_browser) or "  none")
    print(f"{'ms of CPU a real page':<28}{'mean':>8}{'median':>8}{'p95':>8}{'max':>8}")
    costs("judge", [page.judge_ms for page in good])
    costs("needs_browser", [page.shell_ms for page in good])


if __name__ == "__main__":
    main()
