"""Row 25: sites without an end, and robots.txt files that fail, through the whole product.

A trap is visited up to its budget; what is known beyond it stands in the ledger as `skipped (trap)`; the run ends, its
totals add up, and every real page beside the trap is stored.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import combinations
from pathlib import Path

import pytest
from tests.harness.books import Books
from tests.harness.command import Done, Tidemill
from tests.harness.entries import settled_ledger, verdicts
from tests.harness.reports import assert_adds_up
from tests.harness.sites import asked, site_in_thread
from tests.harness.wire import Exchange, Wire, html, wire
from tests.site.server import Site
from tests.site.traps import FACETS, FACETS_START, FIRST_YEAR, MAX_REPEATS, SESSION_PAGES, SESSION_START
from tests.site.website import Answer

pytestmark = [pytest.mark.fault, pytest.mark.slow]

Verdict = tuple[str, str | None]
"""Outcome and reason."""

BUDGET = 8
TRAP: Verdict = ("skipped", "trap")
STORED: Verdict = ("stored", None)
QUICK = ("crawl.retry_base_s=0.05", "crawl.max_attempts=3", f"crawl.trap_budget={BUDGET}")


@dataclass(frozen=True, slots=True)
class Trapped:
    """A crawl that went through traps: outcome and reason by path, and how often each path was asked for."""

    done: Done
    ledger: dict[str, Verdict]
    asked: Counter[str]

    def below(self, pattern: str) -> Counter[Verdict]:
        """What became of the paths that match."""
        return Counter(verdict for path, verdict in self.ledger.items() if re.fullmatch(pattern, path))


def crawled(folder: Path, source: str, *settings: str) -> tuple[Done, dict[str, Verdict]]:
    """Apply a source named `trap`, crawl it to its end, and give the verdicts by URL."""
    tidemill = Tidemill(folder / "data", *QUICK, *settings)
    file = folder / "source.yaml"
    file.write_text(f"name: trap\n{source}")
    tidemill("sources", "apply", str(file)).expect(0)
    done = tidemill("crawl", "trap", "--allow-private", "--json").expect(0)
    entries = settled_ledger(Books(tidemill.data_dir))
    assert_adds_up(done.json, entries)
    assert done.json["status"] == "completed"
    assert len({entry["url"] for entry in entries}) == len(entries)
    return done, verdicts(entries)


# --- calendars, sessions, facets and a folder that contains itself: those of the sample site -------------------------


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Trapped]]:
    """A crawl of the sample site's articles and of all its traps."""
    folder = tmp_path_factory.mktemp("sample-traps")
    with site_in_thread() as site:
        doors = [_first_article(site), "/calendar/", "/trap/loop/", SESSION_START, FACETS_START]
        site.replaced["/door/"] = Answer(200, {"Content-Type": "text/html"}, html("Door", doors).encode())
        within = [f"{site.base_url}{path}" for path in ("/door/", "/articles/", "/calendar/", "/trap/")]
        source = f"start: ['{site.base_url}/door/']\nwithin: {within}\nsitemaps: false\n"
        done, ledger = crawled(folder, source)
        by_path = {url.removeprefix(site.base_url): verdict for url, verdict in ledger.items()}
        yield site, Trapped(done, by_path, asked(site.hits))


def _first_article(site: Site) -> str:
    return min(path for path, page in site.truth.items() if path.startswith("/articles/") and page.outcome == "stored")


def test_a_calendar_without_end_is_turned_as_often_as_its_budget_allows(sample: tuple[Site, Trapped]) -> None:
    _, crawl = sample
    assert crawl.below(r"/calendar/\d+/\d+/") == {STORED: BUDGET, TRAP: 1}
    assert crawl.ledger[f"/calendar/{FIRST_YEAR}/{BUDGET + 1:02}/"] == TRAP


def test_session_ids_in_the_path_are_one_page_for_each_real_one(sample: tuple[Site, Trapped]) -> None:
    _, crawl = sample
    for page in range(1, SESSION_PAGES + 1):
        found = crawl.below(rf"{SESSION_START}[0-9a-f]{{32}}/page-{page}\.html")
        assert found[TRAP] > 0
        assert found.total() - found[TRAP] == BUDGET


def test_facets_that_multiply_have_a_budget_for_each_combination(sample: tuple[Site, Trapped]) -> None:
    _, crawl = sample
    visited: Counter[tuple[str, ...]] = Counter()
    for path, times in crawl.asked.items():
        if path.startswith(FACETS_START) and "?" in path:
            assert times == 1, path
            visited[tuple(sorted(re.findall(r"[?&](\w+)=", path)))] += 1
    every = [tuple(sorted(names)) for size in range(1, len(FACETS) + 1) for names in combinations(FACETS, size)]
    assert visited.keys() <= set(every)
    assert max(visited.values()) <= BUDGET
    assert visited["colour",] == BUDGET
    assert crawl.below(rf"{re.escape(FACETS_START)}\?.*")[TRAP] > 0


def test_a_folder_that_contains_itself_is_entered_three_times(sample: tuple[Site, Trapped]) -> None:
    _, crawl = sample
    turns = [crawl.ledger[f"/trap/{'loop/' * turn}"] for turn in range(1, MAX_REPEATS + 2)]
    assert turns == [STORED] * MAX_REPEATS + [TRAP]


def test_the_real_pages_beside_the_traps_are_all_there(sample: tuple[Site, Trapped]) -> None:
    site, crawl = sample
    real = {path: page for path, page in site.truth.items() if re.fullmatch(r"/articles/[a-z][\w-]*\.html", path)}
    found = {path: crawl.ledger[path] for path in real if path in crawl.ledger}
    assert len(found) > 20
    assert not {path: verdict for path, verdict in found.items() if not real[path].allows(*verdict)}
    assert TRAP not in found.values()


def test_nothing_that_was_skipped_was_asked_for(sample: tuple[Site, Trapped]) -> None:
    _, crawl = sample
    assert not {path for path, verdict in crawl.ledger.items() if verdict == TRAP} & set(crawl.asked)


# --- traps that no sample site can hold: their addresses are made up as one goes -------------------------------------

REAL = 12
MOST_PAGES = 300


def token(path: str) -> str:
    return sha256(path.encode()).hexdigest()[:24]


class Maze:
    """A host whose traps make up new addresses with each answer; its real pages are `/real/…`."""

    def __init__(self) -> None:
        self.doors = [*(f"/real/{number}" for number in range(REAL)), "/shop?sid=0", "/lost/0", "/deep/a", "/go"]

    async def __call__(self, exchange: Exchange) -> None:
        path = exchange.path
        if path == "/":
            await exchange.page(html("Maze", self.doors))
        elif path.startswith("/real/"):
            await exchange.page(html(f"Real page {path}"))
        elif path.startswith("/shop"):
            fresh = token(path)
            await exchange.page(html(f"Shop {path}", [f"/shop?sid={fresh}", f"/shop?page=2&sid={fresh}"]))
        elif path.startswith("/lost/"):
            await exchange.page(_lost(path))
        elif path.startswith("/deep/"):
            await exchange.page(html(f"Deep {path}", [f"{token(path)[:4]}/more", "down/"]))
        elif path.startswith("/go"):
            await exchange.redirect(f"/go/{token(path)}/page")
        else:
            await exchange.missing()


def _lost(path: str) -> str:
    """A page that says with status 200 that it is not there, and offers others like it."""
    fresh = [f"/lost/{token(path + str(number))[:6]}" for number in range(3)]
    links = "".join(f'<a href="{link}">try this</a> ' for link in fresh)
    return f"<!DOCTYPE html><title>Page not found</title><h1>Page not found</h1><p>404. {links}</p>"


@pytest.fixture(scope="module")
def maze(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Wire, Trapped]]:
    with wire(Maze()) as server:
        source = f"start: ['{server.url()}']\nsitemaps: false\nmax_pages: {MOST_PAGES}\nmax_depth: 6\n"
        done, ledger = crawled(tmp_path_factory.mktemp("maze"), source)
        by_path = {url.removeprefix(server.url()[:-1]): verdict for url, verdict in ledger.items()}
        yield server, Trapped(done, by_path, server.asked())


def test_session_ids_in_parameters_end_at_their_budget(maze: tuple[Wire, Trapped]) -> None:
    _, crawl = maze
    found = crawl.below(r"/shop\?(?:page=2&)?sid=[0-9a-f]{24}")
    assert found[STORED] <= 2 * BUDGET
    assert found[TRAP] > 0


def test_pages_that_only_look_like_pages_are_gone_and_lead_nowhere(maze: tuple[Wire, Trapped]) -> None:
    _, crawl = maze
    assert crawl.below(r"/lost/.*") == {("gone", "soft_404"): 1}
    assert crawl.asked["/lost/0"] == 1


def test_paths_that_grow_with_each_page_end_at_the_depth_or_as_traps(maze: tuple[Wire, Trapped]) -> None:
    _, crawl = maze
    found = crawl.below(r"/deep/.*")
    assert found[TRAP] > 0
    assert found["skipped", "depth"] > 0
    assert set(found) == {STORED, TRAP, ("skipped", "depth")}


def test_redirects_to_ever_new_sessions_end_after_their_hops(maze: tuple[Wire, Trapped]) -> None:
    _, crawl = maze
    found = crawl.below(r"/go.*")
    assert found == {("redirected", "http_302"): 10, ("failed", "too_many_redirects"): 1}


def test_a_maze_ends_within_its_budget_of_pages_with_its_real_ones(maze: tuple[Wire, Trapped]) -> None:
    _, crawl = maze
    assert crawl.asked.total() <= MOST_PAGES + 1
    assert [crawl.ledger[f"/real/{number}"] for number in range(REAL)] == [STORED] * REAL


# --- robots.txt ------------------------------------------------------------------------------------------------------

MIB = 1024 * 1024
RULES = "User-agent: *\nDisallow: /closed\n"
FAILURES = 2
PATHS = ("/", "/open", "/closed", "/late")
ROBOTS_S = 1.5
"""How long a robots.txt is waited for; a busy machine needs much of it."""


class Offices:
    """One host for each way in which a robots.txt can fail; all have the same pages."""

    NAMES = ("well", "recovering", "broken", "busy", "huge", "endless", "mute", "slow", "ring", "missing", "bomb")

    def __init__(self) -> None:
        self.refused = 0

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.path == "/robots.txt":
            await getattr(self, self.NAMES[exchange.origin])(exchange)
        elif exchange.path in PATHS:
            links = PATHS if exchange.path == "/" else ()
            await exchange.page(html(f"{self.NAMES[exchange.origin]} {exchange.path}", links))
        else:
            await exchange.missing()

    async def well(self, exchange: Exchange) -> None:
        await exchange.page(RULES, "Content-Type: text/plain")

    async def recovering(self, exchange: Exchange) -> None:
        self.refused += 1
        if self.refused > FAILURES:
            await self.well(exchange)
        else:
            await exchange.page("", status="503 Service Unavailable")

    async def broken(self, exchange: Exchange) -> None:
        await exchange.page("", status="500 Internal Server Error")

    async def busy(self, exchange: Exchange) -> None:
        await exchange.page("", "Retry-After: 1", status="429 Too Many Requests")

    async def huge(self, exchange: Exchange) -> None:
        """10 MB: a rule at its beginning holds, one behind the first 500 KiB does not."""
        body = RULES + "# nothing\n" * MIB + "Disallow: /late\n"
        await exchange.page(body, "Content-Type: text/plain")

    async def endless(self, exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + RULES.encode())
        while True:
            await exchange.send(b"# nothing\n" * 6000)

    async def mute(self, exchange: Exchange) -> None:
        await exchange.gone()

    async def slow(self, exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            await exchange.send(b"#")
            await asyncio.sleep(0.1)

    async def ring(self, exchange: Exchange) -> None:
        await exchange.redirect("/robots.txt")

    async def missing(self, exchange: Exchange) -> None:
        await exchange.missing()

    async def bomb(self, exchange: Exchange) -> None:
        from tests.site.hostile import bomb

        await exchange.page(bomb(), "Content-Encoding: gzip", "Content-Type: text/plain")


ALLOWED: dict[str, Verdict] = dict.fromkeys(PATHS, STORED)
RULED: dict[str, Verdict] = {**ALLOWED, "/closed": ("skipped", "robots")}
SHUT: dict[str, Verdict] = {"/": ("failed", "robots_unreachable")}
EXPECTED: dict[str, dict[str, Verdict]] = {
    "well": RULED,
    "recovering": RULED,
    "broken": SHUT,
    "busy": SHUT,
    "huge": RULED,
    "endless": RULED,
    "mute": SHUT,
    "slow": SHUT,
    "ring": ALLOWED,
    "missing": ALLOWED,
    "bomb": ALLOWED,
}


@pytest.fixture(scope="module")
def offices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Wire, dict[str, Verdict]]]:
    with wire(Offices(), origins=len(Offices.NAMES)) as server:
        start = [server.url("/", origin) for origin in range(len(Offices.NAMES))]
        _, ledger = crawled(
            tmp_path_factory.mktemp("offices"),
            f"start: {start}\n",
            "net.connect_timeout_s=1",
            "net.read_timeout_s=1",
            f"net.total_timeout_s={ROBOTS_S}",
            "crawl.breaker_failures=1000",
        )
        server.settle()
        yield server, ledger


@pytest.mark.parametrize("name", Offices.NAMES)
def test_a_host_is_crawled_as_its_robots_txt_allows(offices: tuple[Wire, dict[str, Verdict]], name: str) -> None:
    server, ledger = offices
    origin = Offices.NAMES.index(name)
    home = server.url("", origin)
    assert {url.removeprefix(home): found for url, found in ledger.items() if url.startswith(f"{home}/")} == EXPECTED[
        name
    ]
    fetched = server.asked(origin).keys() - {"/robots.txt"}
    assert fetched == {path for path, found in EXPECTED[name].items() if found == STORED}


def test_no_more_of_a_robots_txt_is_read_than_counts(offices: tuple[Wire, object]) -> None:
    server, _ = offices
    robots = [hit for hit in server.hits if hit.path == "/robots.txt"]
    assert max(hit.sent_bytes for hit in robots if Offices.NAMES[hit.origin] == "endless") < 8 * MIB
    assert all(hit.over is not None and hit.over - hit.at < ROBOTS_S + 1.0 for hit in robots)
    for name in ("huge", "endless", "well"):
        assert server.asked(Offices.NAMES.index(name))["/robots.txt"] == 1
