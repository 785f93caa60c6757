"""Where answers come from: the network, a browser for pages that need one, or files of this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256

from tests.unit.crawl.making import SITE, FakeClient, FakeRobots, answer, fetcher, visit

from tidemill.crawl.discover.listing import Listed, Listing
from tidemill.crawl.fetcher import Fetcher, Ways
from tidemill.errors import Permanent, Transient
from tidemill.models.outcome import Outcome
from tidemill.models.source import SourceSpec
from tidemill.models.visit import Visit

SHELL = "<title>App</title><div id=root></div><noscript>Enable JavaScript.</noscript><script src=/app.js></script>"
RENDERED = (
    "<title>App</title><div id=root><p>" + "What the tide brought was written down. " * 20 + "<a href=/more>x</a></div>"
)
VALIDATORS = {"etag": '"1"', "last_modified": "then"}
FOLDER = "file:///folder/"
AUTO = SourceSpec(name="s", start=(SITE,), fetch="auto")


def by_auto(network: FakeClient, browser: FakeClient) -> Fetcher:
    return fetcher(network, spec=AUTO, ways=Ways(network, browser=browser))


async def test_a_shell_is_fetched_again_in_the_browser_and_both_requests_count() -> None:
    network, browser = FakeClient({SITE: answer(200, SHELL, **VALIDATORS)}), FakeClient({SITE: answer(200, RENDERED)})
    got = await by_auto(network, browser).fetch(visit())
    assert (len(network.asked), len(browser.asked)) == (1, 1)
    assert (got.fetched.requests, got.fetched.received_bytes) == (2, len(SHELL) + len(RENDERED))
    assert got.body == RENDERED.encode()
    assert [found.url for found in got.fetched.found] == [f"{SITE}more"]


async def test_links_of_the_shell_are_not_lost_with_it() -> None:
    menu = "<a href=/menu>m</a><a href=http://else.example/>e</a>"
    network, browser = FakeClient({SITE: answer(200, SHELL + menu)}), FakeClient({SITE: answer(200, RENDERED + menu)})
    got = (await by_auto(network, browser).fetch(visit())).fetched
    assert sorted(found.url for found in got.found) == [f"{SITE}menu", f"{SITE}more"]
    assert got.out_of_scope >= 1


async def test_a_page_that_has_its_text_needs_no_browser() -> None:
    network, browser = FakeClient({SITE: answer(200, RENDERED, **VALIDATORS)}), FakeClient()
    got = (await by_auto(network, browser).fetch(visit())).fetched
    assert (got.requests, browser.asked) == (1, [])
    assert (got.etag, got.last_modified) == ('"1"', "then")


async def test_what_was_rendered_keeps_no_validators_and_is_asked_for_whole() -> None:
    """The address of a shell says `not modified` for ever while the data behind it change."""
    network = FakeClient({SITE: answer(200, SHELL, **VALIDATORS)})
    browser = FakeClient({SITE: answer(200, RENDERED, **VALIDATORS)})
    got = (await by_auto(network, browser).fetch(visit())).fetched
    assert (got.etag, got.last_modified) == (None, None)
    assert browser.asked == [(SITE, {})]


async def test_the_same_rendering_again_is_unchanged() -> None:
    network, browser = FakeClient({SITE: answer(200, SHELL)}), FakeClient({SITE: answer(200, RENDERED)})
    known = visit(body_hash=sha256(RENDERED.encode()).hexdigest())
    got = (await by_auto(network, browser).fetch(known)).fetched
    assert (got.outcome, got.reason, got.requests) == (Outcome.UNCHANGED, "same_bytes", 2)


async def test_a_browser_that_fails_costs_its_visit_what_was_asked_before_all_the_same() -> None:
    network = FakeClient({SITE: answer(200, SHELL)})
    failing = FakeClient({SITE: Transient("x", reason="browser_crashed")})
    got = (await by_auto(network, failing).fetch(visit())).fetched
    assert (got.outcome, got.reason, got.requests, got.received_bytes) == (None, "browser_crashed", 1, len(SHELL))
    assert got.retry_at is not None
    broken = FakeClient({SITE: Permanent("x", reason="too_large")})
    assert (await by_auto(network, broken).fetch(visit())).fetched.outcome is Outcome.FAILED


async def test_a_source_of_the_browser_asks_it_alone_but_for_listings() -> None:
    network = FakeClient({f"{SITE}feed": answer(200, "<rss><channel/></rss>")})
    browser = FakeClient({SITE: answer(200, RENDERED, **VALIDATORS)})
    crawl = fetcher(
        network, spec=replace(AUTO, fetch="browser"), ways=Ways(network, browser=browser, only_browser=True)
    )
    got = (await crawl.fetch(visit(etag='"1"'))).fetched
    assert (network.asked, browser.asked) == ([], [(SITE, {})])
    assert (got.requests, got.etag, got.last_modified) == (1, None, None)
    assert (await crawl.fetch(visit(f"{SITE}feed", kind="feed"))).fetched.reason == "feed"
    assert (len(network.asked), len(browser.asked)) == (1, 1)


async def test_the_browser_obeys_robots_txt() -> None:
    browser = FakeClient()
    ways = Ways(FakeClient(), browser=browser, only_browser=True)
    crawl = fetcher(
        FakeClient(), spec=replace(AUTO, fetch="browser"), ways=ways, robots=FakeRobots("User-agent: *\nDisallow: /")
    )
    assert (await crawl.fetch(visit())).fetched.reason == "robots"
    assert browser.asked == []


async def test_a_screenshot_is_archived_beside_the_page() -> None:
    picture = b"png"
    browser = FakeClient({SITE: replace(answer(200, RENDERED), screenshot=picture)})
    crawl = fetcher(FakeClient(), spec=AUTO, ways=Ways(FakeClient(), browser=browser, only_browser=True))
    got = await crawl.fetch(visit())
    digest = sha256(picture).hexdigest()
    assert (got.fetched.screenshot_hash, got.aside) == (digest, {digest: picture})


async def test_the_headers_of_an_answer_come_with_it() -> None:
    crawl = fetcher(FakeClient({SITE: answer(200, RENDERED, x_served_by="a")}))
    assert (await crawl.fetch(visit())).fetched.headers == (("X-Served-By", "a"),)


@dataclass
class Disk(FakeClient):
    """Files of this machine: a folder with one page, listed."""

    def answers(self, url: str) -> bool:
        return url.startswith("file:")

    async def listing(self, url: str) -> Listing:
        if url != FOLDER:
            raise Permanent(f"{url} is not there", reason="no_such_file")
        return Listing(pages=(Listed(f"{FOLDER}a.html"), Listed(f"{SITE}on-the-web")))


def of(url: str, kind: str = "page") -> Visit:
    return replace(visit(kind=kind), url=url, origin="file://")


def of_disk(disk: Disk, network: FakeClient) -> Fetcher:
    spec = SourceSpec(name="s", kind="files", start=("/folder",))
    return fetcher(network, spec=spec, ways=Ways(network, local=disk), robots=FakeRobots("User-agent: *\nDisallow: /"))


async def test_a_folder_lists_its_files_without_a_request() -> None:
    got = (await of_disk(Disk(), FakeClient()).fetch(of(FOLDER, "feed"))).fetched
    assert (got.outcome, got.reason, got.requests) == (Outcome.SKIPPED, "files", 0)
    assert [each.url for each in got.found] == [f"{FOLDER}a.html", f"{SITE}on-the-web"]


async def test_files_are_read_whatever_robots_txt_says_and_nothing_goes_out() -> None:
    disk, network = Disk({f"{FOLDER}a.html": answer(200, RENDERED)}), FakeClient({f"{SITE}on-the-web": answer(200)})
    crawl = of_disk(disk, network)
    assert (await crawl.fetch(of(f"{FOLDER}a.html"))).fetched.capture is not None
    assert network.asked == []
    assert (await crawl.fetch(visit(f"{SITE}on-the-web"))).fetched.reason == "robots"


async def test_a_folder_that_is_not_there_is_a_failure_with_its_reason() -> None:
    got = (await of_disk(Disk(), FakeClient()).fetch(of("file:///nowhere/", "feed"))).fetched
    assert (got.outcome, got.reason) == (Outcome.FAILED, "no_such_file")
