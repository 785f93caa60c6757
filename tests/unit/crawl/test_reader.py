"""What an answer holds: a page to keep, a page that asks not to be kept, a listing, an item, a wall, or nothing."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from tests.unit.crawl.making import NOW, SITE, FakeClient, answer, fetcher, visit

from tidemill.crawl.reader import Catch
from tidemill.models.outcome import Outcome
from tidemill.models.source import ApiRules, ObeyRules, SourceSpec
from tidemill.models.visit import Fetched
from tidemill.net import Response

CHALLENGE = "<title>Just a moment...</title><div id=challenge-form></div><script src=/cdn-cgi/challenge-platform/x>"
SHELL = "<title>App</title><div id=root></div><noscript>Enable JavaScript.</noscript><script src=/app.js></script>"
TEXT = "<p>The miller rose before the tide did, and wrote down what it brought. " * 12


async def caught(response: Response, *, kind: str = "page", url: str = SITE, depth: int = 0, **spec: object) -> Catch:
    rules = SourceSpec(**{"name": "s", "start": (SITE,), **spec})  # type: ignore[arg-type]
    return await fetcher(FakeClient({url: response}), spec=rules).fetch(visit(url, kind=kind, depth=depth))


async def read(body: str, content_type: str = "text/html", *, kind: str = "page", **spec: object) -> Fetched:
    return (await caught(answer(200, body, content_type), kind=kind, **spec)).fetched


def links(fetched: Fetched) -> list[tuple[str, str | None]]:
    return [(each.url.removeprefix(SITE), each.skip) for each in fetched.found]


class TestWishes:
    """What pages ask of crawlers, by element and by header."""

    @pytest.mark.parametrize("content", ["noindex", "none", "NOINDEX, follow", "unavailable_after: 2020-01-01"])
    async def test_noindex_by_element(self, content: str) -> None:
        fetched = await read(f"<meta name=robots content='{content}'>{TEXT}")
        assert (fetched.outcome, fetched.reason) == (Outcome.SKIPPED, "noindex")
        assert fetched.capture is not None, "it is archived all the same"

    @pytest.mark.parametrize("media_type", ["text/html", "application/pdf"])
    async def test_noindex_by_header(self, media_type: str) -> None:
        fetched = (await caught(answer(200, TEXT, media_type, x_robots_tag="noindex"))).fetched
        assert (fetched.outcome, fetched.reason) == (Outcome.SKIPPED, "noindex")

    @pytest.mark.parametrize("tag", ["otherbot: noindex", "unavailable_after: 2099-01-01", "nosnippet"])
    async def test_what_is_for_others_or_for_later_is_none_of_ours(self, tag: str) -> None:
        assert (await caught(answer(200, TEXT, x_robots_tag=tag))).fetched.outcome is None

    async def test_links_of_a_page_that_is_not_to_be_kept_are_followed(self) -> None:
        fetched = await read("<meta name=robots content=noindex><a href=/a>x</a>")
        assert links(fetched) == [("a", None)]

    async def test_nofollow_of_a_link(self) -> None:
        fetched = await read(
            "<a href=/a>x</a><a rel='ugc nofollow' href=/b>x</a><a rel=nofollow href=http://else.example/>x</a>"
        )
        assert links(fetched) == [("a", None), ("b", "nofollow")]

    async def test_a_link_that_is_followed_once_is_followed(self) -> None:
        assert links(await read("<a rel=nofollow href=/a>x</a><a href=/a>x</a>")) == [("a", None)]

    @pytest.mark.parametrize("how", ["<meta name=robots content=nofollow>", "header"])
    async def test_nofollow_of_a_page(self, how: str) -> None:
        headers = {"x_robots_tag": "nofollow"} if how == "header" else {}
        body = ("" if how == "header" else how) + "<a href=/a>x</a><a href=/b>x</a>"
        fetched = (await caught(answer(200, body, **headers))).fetched
        assert links(fetched) == [("a", "nofollow"), ("b", "nofollow")]
        assert fetched.outcome is None

    async def test_a_source_need_not_obey(self) -> None:
        body = "<meta name=robots content='noindex, nofollow'><a href=/a rel=nofollow>x</a>"
        fetched = await read(body, obey=ObeyRules(nofollow=False, noindex=False))
        assert (fetched.outcome, links(fetched)) == (None, [("a", None)])


class TestCanonical:
    PAGE = "<link rel=canonical href=/one><a href=/a>x</a>"

    async def test_only_a_source_that_says_so_is_led_by_it(self) -> None:
        assert (await read(self.PAGE)).outcome is None
        fetched = await read(self.PAGE, obey=ObeyRules(canonical=True))
        assert (fetched.outcome, fetched.reason, fetched.redirect_to) == (Outcome.REDIRECTED, "canonical", f"{SITE}one")
        assert (f"{SITE}a", 1, 0) in [(each.url, each.depth, each.hops) for each in fetched.found]
        assert fetched.found[-1].url == f"{SITE}one"
        assert (fetched.found[-1].depth, fetched.found[-1].hops) == (0, 1)

    @pytest.mark.parametrize("href", ["/", "http://else.example/", "http://["])
    async def test_a_page_that_names_itself_or_something_outside_is_that_page(self, href: str) -> None:
        fetched = await read(f"<link rel=canonical href='{href}'>{TEXT}", obey=ObeyRules(canonical=True))
        assert fetched.outcome is None

    async def test_pages_that_name_each_other_do_not_go_round_in_circles(self) -> None:
        rules = SourceSpec(name="s", start=(SITE,), obey=ObeyRules(canonical=True))
        crawl = fetcher(FakeClient({SITE: answer(200, self.PAGE)}), spec=rules)
        assert (await crawl.fetch(visit(hops=1))).fetched.outcome is None


class TestItems:
    """A JSON API's items are pages that came with their listing."""

    ANSWER = json.dumps({"items": [{"id": 1}, {"id": 2}, {"id": 1}, {"title": "no address"}], "next": "/api?page=2"})
    API = ApiRules(items="items", url="http://site.example/n/{id}", next_url="next")

    async def test_items_come_as_captures_and_their_bytes_aside(self) -> None:
        catch = await self.answered(self.API)
        items = [each for each in catch.fetched.found if each.item is not None]
        assert [each.url for each in items] == [f"{SITE}n/1", f"{SITE}n/2"]
        for each in items:
            assert each.item is not None
            assert (each.item.media_type, each.item.fetched_at, each.item.url) == ("application/json", NOW, each.url)
            body = catch.aside[each.item.body_hash]
            assert sha256(body).hexdigest() == each.item.body_hash
            assert len(body) == each.item.size_bytes
        assert len({each.item.id for each in items if each.item}) == 2

    async def test_the_listing_leads_to_its_next_page_and_is_no_page(self) -> None:
        fetched = (await self.answered(self.API)).fetched
        assert (fetched.outcome, fetched.reason, fetched.capture) == (Outcome.SKIPPED, "json_api", None)
        assert [(each.url, each.kind) for each in fetched.found if each.item is None] == [(f"{SITE}api?page=2", "feed")]

    async def test_followed_items_are_pages_to_fetch(self) -> None:
        rules = ApiRules(items="items", url="http://site.example/n/{id}", follow=True)
        catch = await self.answered(rules)
        assert [(each.url, each.kind, each.item) for each in catch.fetched.found] == [
            (f"{SITE}n/1", "page", None),
            (f"{SITE}n/2", "page", None),
        ]
        assert catch.aside == {}

    async def answered(self, api: ApiRules) -> Catch:
        rules = SourceSpec(name="s", kind="json_api", start=(SITE,), api=api)
        return await fetcher(FakeClient({SITE: answer(200, self.ANSWER, "application/json")}), spec=rules).fetch(
            visit(kind="feed")
        )

    async def test_what_is_no_json_is_a_failure_with_its_reason(self) -> None:
        rules = SourceSpec(name="s", kind="json_api", start=(SITE,), api=self.API)
        got = await fetcher(FakeClient({SITE: answer(200, "<p>oops")}), spec=rules).fetch(visit(kind="feed"))
        assert (got.fetched.outcome, got.fetched.reason) == (Outcome.FAILED, "bad_json")


class TestMediaTypes:
    FEED = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "url": f"{SITE}a"}]})

    @pytest.mark.parametrize("media_type", ["application/feed+json", "application/json"])
    async def test_a_json_feed_is_a_feed_by_whatever_name(self, media_type: str) -> None:
        fetched = await read(self.FEED, media_type)
        assert (fetched.outcome, fetched.reason, links(fetched)) == (Outcome.SKIPPED, "feed", [("a", None)])

    @pytest.mark.parametrize(("kind", "outcome"), [("website", Outcome.SKIPPED), ("json_api", None), ("warc", None)])
    async def test_json_gives_documents_only_where_it_is_what_was_wanted(
        self, kind: str, outcome: Outcome | None
    ) -> None:
        rules = SourceSpec(name="s", kind=kind, start=(SITE,), hosts=("site.example",))
        response = answer(200, '{"a": 1}', "application/json")
        fetched = (await fetcher(FakeClient({SITE: response}), spec=rules).fetch(visit())).fetched
        assert fetched.outcome is outcome
        assert fetched.reason == ("media_type" if outcome else None)

    @pytest.mark.parametrize("media_type", ["text/plain", "application/octet-stream", "text/calendar", "text/html"])
    async def test_what_a_calendar_source_is_given_is_a_calendar(self, media_type: str) -> None:
        rules = SourceSpec(name="s", kind="ical", start=(SITE,))
        client = FakeClient({SITE: answer(200, "BEGIN:VCALENDAR\r\nEND:VCALENDAR", media_type)})
        fetched = (await fetcher(client, spec=rules).fetch(visit())).fetched
        assert fetched.capture is not None
        assert fetched.capture.media_type == "text/calendar"
        assert client.wanted[0](200, media_type)

    @pytest.mark.parametrize("kind", ["sitemap", "feed", "json_api"])
    async def test_only_a_website_is_followed_from_page_to_page(self, kind: str) -> None:
        rules = SourceSpec(name="s", kind=kind, start=(SITE,))
        client = FakeClient({SITE: answer(200, f"<a href=/a>x</a>{TEXT}")})
        fetched = (await fetcher(client, spec=rules).fetch(visit())).fetched
        assert (fetched.outcome, fetched.found) == (None, ())


class TestWalls:
    @pytest.mark.parametrize("status", [401, 403, 429, 451, 503])
    async def test_a_challenge_is_blocked_under_any_status_and_kept(self, status: int) -> None:
        got = await caught(answer(status, CHALLENGE))
        assert (got.fetched.outcome, got.fetched.reason) == (Outcome.BLOCKED, "challenge")
        assert got.fetched.status_code == status
        assert got.fetched.capture is not None
        assert got.body == CHALLENGE.encode()

    @pytest.mark.parametrize("status", [429, 503])
    async def test_any_other_wall_of_a_busy_site_passes(self, status: int) -> None:
        wall = "<title>Access denied</title><h1>Access denied</h1><p>You do not have permission to access this page."
        fetched = (await caught(answer(status, wall))).fetched
        assert (fetched.outcome, fetched.reason) == (None, f"http_{status}")
        assert fetched.retry_at is not None
        assert (await caught(answer(403, wall))).fetched.reason == "access_denied"

    async def test_what_is_no_page_is_judged_by_its_status(self) -> None:
        assert (await caught(answer(403, CHALLENGE, "application/json"))).fetched.reason == "http_403"
        assert (await caught(answer(403, ""))).fetched.reason == "http_403"


class TestShells:
    async def test_a_page_that_is_empty_without_javascript(self) -> None:
        assert (await caught(answer(200, SHELL), fetch="auto")).is_shell
        assert not (await caught(answer(200, f"{TEXT}<script src=/a.js></script>"), fetch="auto")).is_shell

    async def test_only_a_source_that_may_use_a_browser_looks_for_them(self) -> None:
        assert not (await caught(answer(200, SHELL))).is_shell
