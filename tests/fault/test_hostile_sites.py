"""Row 24: a host that does everything a server can do to hold a crawler up, beside a host that is well.

Two ports of loopback are two hosts, and one source has both. What is asked of the good one is measured at its server:
how long from its first page to its last. Both hosts have a rate, and a rate that the crawler could exceed many times
over is what makes the comparison fair: its pace is then the pace that politeness owes to a host, and not the speed of
a machine on which other tests run; whoever is held up by its neighbour misses slots and is late. How fast a crawler
without a rate is beside a bad host is a benchmark's question.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.harness.books import Books
from tests.harness.command import Done, Tidemill
from tests.harness.entries import settled_ledger
from tests.harness.memory import peak_memory
from tests.harness.reports import Entry, assert_adds_up
from tests.harness.rogues import KEPT, MIB, RING, ROGUES, light_fuses, rogue
from tests.harness.wire import Exchange, Wire, html, wire

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(240)]

ROUNDS, LONG_ROUNDS = 2, 3
PAGES = 60
RATE_PER_S = 20.0
MOST_SLOWER, MOST_SLOWER_BESIDE_OTHER_TESTS = 1.10, 1.50
READ_S, TOTAL_S, CONNECT_S = 1.0, 1.5, 1.0
ATTEMPTS, RETRY_BASE_S = 2, 0.05
MAX_BODY, MAX_HEADERS = 2 * MIB, 64 * 1024
MAX_HOPS = 4
LIMITS = (
    f"net.read_timeout_s={READ_S}",
    f"net.total_timeout_s={TOTAL_S}",
    f"net.connect_timeout_s={CONNECT_S}",
    f"net.max_body_bytes={MAX_BODY}",
    f"net.max_header_bytes={MAX_HEADERS}",
    f"crawl.max_attempts={ATTEMPTS}",
    f"crawl.retry_base_s={RETRY_BASE_S}",
    f"crawl.max_hops={MAX_HOPS}",
    "crawl.concurrency=48",
    "crawl.breaker_failures=1000",  # so that each URL ends for its own reason, and not because its host is shut
)
SLACK_S = 1.0
"""What a busy machine may add to a limit before the server sees its effect."""

BUFFERS = 16 * MIB
"""What may lie in the buffers of two sockets: it was sent and never read."""

BOUND_BY_TIME = ("/long-chunk-line",)
"""What is no part of a body does not count as one: an endless chunk extension costs no memory, and the total time of a
response bounds it."""

URLS = 1 + len(ROGUES) + len(KEPT) + len(RING) + MAX_HOPS + 1
"""What the bad host has in the ledger: its door, the rogues, and as many redirects as are followed."""

DEADLINE_S = (URLS + PAGES) / RATE_PER_S + ATTEMPTS * (CONNECT_S + TOTAL_S + RETRY_BASE_S) + 20.0
"""Each URL has its slot and then its attempts, and nothing waits for anything else; the rest is for the command to
start and to end, twice over on a busy machine."""


async def good(exchange: Exchange) -> None:
    if exchange.path == "/":
        await exchange.page(html("The good host", [f"/page-{number}" for number in range(PAGES)]))
    elif exchange.path.startswith("/page-"):
        await exchange.page(html(f"Good {exchange.path}"))
    else:
        await exchange.missing()


@dataclass(frozen=True, slots=True)
class Crawl:
    """One crawl: how it ended, what stands in its ledger, how long the good host's pages took, the peak of memory."""

    done: Done
    ledger: dict[str, Entry]
    span_s: float
    peak_bytes: int


def crawl(data_dir: Path, source: str, well: Wire) -> Crawl:
    """Crawl one of the sources of a data folder."""
    well.hits.clear()
    tidemill = Tidemill(data_dir, *LIMITS)
    with (
        tidemill.start("crawl", source, "--allow-private", "--json") as running,
        peak_memory(running.pid) as peak,
    ):
        done = running.wait(DEADLINE_S * 2).expect(0)
    books = Books(data_dir)
    entries = settled_ledger(books)
    assert_adds_up(done.json, entries)
    times = [hit.at for hit in well.hits if hit.path.startswith("/page-")]
    return Crawl(done, {entry["url"]: entry for entry in entries}, max(times) - min(times), peak.resident_bytes)


def sources(well: Wire, ill: Wire) -> str:
    """The good host alone, and beside the bad one."""
    rules = f"sitemaps: false\nrate_per_s: {RATE_PER_S}\nrequest: {{session: true}}\n"
    alone, both = [well.url()], [well.url(), ill.url()]
    return f"name: alone\nstart: {alone}\n{rules}---\nname: beside\nstart: {both}\n{rules}"


@dataclass(frozen=True, slots=True)
class Rounds:
    """The same crawl without the bad host and with it, in turn."""

    well: Wire
    ill: Wire
    alone: list[Crawl]
    beside: list[Crawl]


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Rounds]:
    light_fuses()
    folder = tmp_path_factory.mktemp("hostile")
    with wire(good) as well, wire(rogue) as ill:
        (folder / "sources.yaml").write_text(sources(well, ill))
        Tidemill(folder / "new")("sources", "apply", str(folder / "sources.yaml")).expect(0)
        done = Rounds(well, ill, [], [])
        for number in range(LONG_ROUNDS if request.config.getoption("--long") else ROUNDS):
            for source, crawls in (("alone", done.alone), ("beside", done.beside)):
                data_dir = folder / f"{source}-{number}"  # a host's health is remembered, so each crawl has its own
                shutil.copytree(folder / "new", data_dir)
                crawls.append(crawl(data_dir, source, well))
        ill.settle()
        yield done


def test_every_bad_url_ends_for_a_reason_of_its_own(rounds: Rounds) -> None:
    for each in rounds.beside:
        found = {path: _verdict(each, rounds.ill, path) for path in ROGUES}
        wrong = {path: found[path] for path, bad in ROGUES.items() if found[path] not in _allowed(path)}
        assert not wrong
        assert len([url for url in each.ledger if url.startswith(rounds.ill.url())]) == URLS


def _allowed(path: str) -> list[tuple[str, str | None]]:
    return [(ROGUES[path].outcome, reason) for reason in ROGUES[path].reasons]


def _verdict(crawl: Crawl, server: Wire, path: str) -> tuple[str, str | None]:
    entry = crawl.ledger[server.url(path)]
    return entry["outcome"], entry["reason"]


def test_redirects_end_after_as_many_hops_as_are_allowed(rounds: Rounds) -> None:
    for each in rounds.beside:
        hops = [_verdict(each, rounds.ill, f"/redirects/{number}") for number in range(MAX_HOPS + 1)]
        assert hops == [("redirected", "http_302")] * MAX_HOPS + [("failed", "too_many_redirects")]
        assert {_verdict(each, rounds.ill, path) for path in RING} == {("redirected", "http_302")}
    asked = rounds.ill.asked()
    assert {path: asked[path] for path in (*RING, "/to-itself")} == dict.fromkeys(
        (*RING, "/to-itself"), len(rounds.beside)
    )


def test_a_kept_connection_that_went_silent_costs_no_page(rounds: Rounds) -> None:
    for each in rounds.beside:
        assert {_verdict(each, rounds.ill, path) for path in KEPT} <= {("stored", None), ("failed", "timeout")}


def test_no_exchange_outlives_its_limit(rounds: Rounds) -> None:
    """As the bad host sees it: each request is given up in time, and no body is taken beyond its limit."""
    assert rounds.ill.hits
    for hit in rounds.ill.hits:
        assert hit.over is not None, hit
        assert hit.over - hit.at < TOTAL_S + SLACK_S, hit
    too_much = {hit.path: hit.sent_bytes for hit in rounds.ill.hits if hit.sent_bytes > MAX_BODY + BUFFERS}
    assert too_much.keys() <= set(BOUND_BY_TIME)


def test_no_bad_url_is_asked_more_often_than_it_may_be_tried(rounds: Rounds) -> None:
    """The client itself asks once more if a connection that was kept breaks before it says a word: it may have been
    closed while the request was on its way (RFC 9110, section 9.2.2)."""
    asked = rounds.ill.asked()
    silent_breaks = {"/reset", "/half-closed"}
    most = ATTEMPTS * len(rounds.beside)
    assert {path for path, times in asked.items() if times > most} <= silent_breaks
    assert max(asked.values()) <= 2 * most


def test_the_run_ends_before_the_sum_of_its_limits(rounds: Rounds) -> None:
    assert [each.done.json["status"] for each in rounds.beside] == ["completed"] * len(rounds.beside)
    assert max(each.done.seconds for each in rounds.beside) < DEADLINE_S


def test_the_good_host_loses_nothing_and_is_hardly_slower(rounds: Rounds, is_long: bool) -> None:
    """In its best round, for other tests run beside it; in the long form, without them, by less than a tenth."""
    for each in (*rounds.alone, *rounds.beside):
        pages = {_verdict(each, rounds.well, f"/page-{number}") for number in range(PAGES)}
        assert pages == {("stored", None)}
    alone, beside = (min(each.span_s for each in runs) for runs in (rounds.alone, rounds.beside))
    print(f"good host: {alone:.2f} s alone, {beside:.2f} s beside the bad one")
    assert alone > (PAGES - 1) / RATE_PER_S * 0.9
    assert beside < alone * (MOST_SLOWER if is_long else MOST_SLOWER_BESIDE_OTHER_TESTS)


def test_memory_is_bounded_by_the_bodies_that_are_read_at_once(rounds: Rounds) -> None:
    alone = max(each.peak_bytes for each in rounds.alone)
    beside = max(each.peak_bytes for each in rounds.beside)
    assert alone > 0
    print(f"peak of the crawler: {alone / MIB:.0f} MiB alone, {beside / MIB:.0f} MiB beside the bad host")
    assert beside < alone + len(ROGUES) * (MAX_BODY + MAX_HEADERS) + 32 * MIB
