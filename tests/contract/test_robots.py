"""robots.txt by RFC 9309 over a real store: what each answer means, who asks, and how long it is believed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from tests.contract.store_house import TurnedStore, opened_store
from tests.unit.crawl.making import FakeClient, answer

from tidemill.crawl.robots import Robots, Rules
from tidemill.errors import Forbidden, Permanent, TidemillError, Transient
from tidemill.net import Response
from tidemill.settings import CrawlSettings

ORIGIN = "http://site.example"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
URL = f"{ORIGIN}/robots.txt"
AGENT = "tidemill"


@pytest.fixture
async def store(tmp_path: Path, database: str) -> AsyncIterator[TurnedStore]:
    async with opened_store(tmp_path / "tidemill.db") as store:
        yield store


class Site(FakeClient):
    """A site that also notes how much of its bodies is wanted."""

    cuts: ClassVar[set[int | None]] = set()

    async def get(self, url: str, *, cut_bytes: int | None = None, **asked: Any) -> Response:
        self.cuts.add(cut_bytes)
        return await super().get(url, **asked)


def robots(store: TurnedStore, client: Any, **settings: Any) -> Robots:
    return Robots(store, client, CrawlSettings(**settings), allow_private=None)


async def asked(store: TurnedStore, found: Response | TidemillError) -> Rules:
    rules, fresh = await robots(store, Site({URL: found})).rules(ORIGIN)
    assert fresh
    return rules


def is_allowed(rules: Rules, path: str = "/private/x") -> bool | str:
    try:
        return rules.allows(ORIGIN + path, AGENT, NOW)
    except Transient as error:
        return error.reason


RULES = (
    "User-agent: tidemill\nDisallow: /private/\nAllow: /private/open\nCrawl-delay: 2\n\nUser-agent: *\nDisallow: /\n"
)


async def test_we_go_by_our_own_name(store: TurnedStore) -> None:
    rules = await asked(store, answer(200, RULES, "text/plain"))
    assert not is_allowed(rules)
    assert is_allowed(rules, "/private/open")
    assert is_allowed(rules, "/")
    assert rules.delay_s(AGENT) == 2
    assert not rules.allows(f"{ORIGIN}/", "somebody-else", NOW)


@pytest.mark.parametrize(
    ("found", "allowed"),
    [
        (answer(404), True),
        (answer(401), True),
        (answer(403), True),
        (answer(410), True),
        (answer(204), True),
        (answer(200, ""), True),
        (answer(200, b"\xef\xbb\xbfUser-agent: *\nDisallow: /"), False),
        (answer(200, b"\xff\xfe\x00 \x80 garbage"), True),
        (answer(200, "<html>not found</html>"), True),
        (
            answer(200, "User-agent: *\nDisallow: /private\n" + "#" * 600_000 + "\nUser-agent: tidemill\nAllow: /"),
            False,
        ),
        (answer(500), "robots_unreachable"),
        (answer(503), "robots_unreachable"),
        (answer(429), "robots_unreachable"),
        (Transient("x", reason="timeout"), "robots_unreachable"),
        (Permanent("x", reason="dns_no_such_host"), "robots_unreachable"),
        (Permanent("x", reason="too_large"), True),
        (Permanent("x", reason="bad_encoding"), True),
        (answer(302), True),
        (answer(302, location="http://[broken"), True),
        (answer(302, location="javascript:0"), True),
    ],
)
async def test_what_each_answer_means(store: TurnedStore, found: Response | TidemillError, allowed: bool | str) -> None:
    assert is_allowed(await asked(store, found)) == allowed


async def test_redirects_are_followed_five_times(store: TurnedStore, tmp_path: Path) -> None:
    def chain(hops: int) -> Site:
        site: dict[str, Response | TidemillError] = {
            f"{ORIGIN}/{n}": answer(301, location=f"/{n + 1}") for n in range(1, hops)
        }
        site[URL] = answer(302, location="http://site.example/1")
        site[f"{ORIGIN}/{hops}"] = answer(200, "User-agent: *\nDisallow: /", "text/plain")
        return Site(site)

    rules, _ = await robots(store, five := chain(5)).rules(ORIGIN)
    assert not is_allowed(rules)
    assert (rules.requests, len(five.asked)) == (6, 6)
    async with opened_store(tmp_path / "other.db") as other:
        rules, _ = await robots(other, chain(6)).rules(ORIGIN)
        assert is_allowed(rules) is True


async def test_an_origin_that_the_guard_refuses_is_not_remembered(store: TurnedStore) -> None:
    client = Site({URL: Forbidden("x", reason="private_address")})
    asking = robots(store, client)
    for _ in range(2):
        with pytest.raises(Forbidden):
            await asking.rules(ORIGIN)
    assert asking.known(ORIGIN) is None


async def test_a_redirect_to_where_the_guard_lets_nobody_is_silence(store: TurnedStore) -> None:
    client = Site({URL: answer(302, location="http://10.0.0.1/"), "http://10.0.0.1/": Forbidden("x", reason="private")})
    rules, _ = await robots(store, client).rules(ORIGIN)
    assert is_allowed(rules) == "robots_unreachable"
    assert rules.requests == 1


async def test_no_more_is_read_than_the_rfc_demands(store: TurnedStore) -> None:
    Site.cuts.clear()
    await robots(store, Site({URL: answer(200, RULES)})).rules(ORIGIN)
    assert Site.cuts == {500 * 1024}


async def test_a_rule_that_the_end_cuts_short_does_not_count_for_more_than_it_says(store: TurnedStore) -> None:
    room = 500 * 1024 - len("User-agent: *\n\nDisallow: /priv")
    rules = await asked(store, answer(200, "User-agent: *\n" + "#" * room + "\nDisallow: /private/only"))
    assert is_allowed(rules, "/open")


@pytest.mark.parametrize(
    ("cache_control", "lifetime_s"),
    [
        (None, 1000),
        ("", 1000),
        ("public", 1000),
        ("max-age=600", 600),
        ("public, Max-Age=600, must-revalidate", 600),
        ('max-age="600"', 600),
        ("max-age=0", 300),
        ("max-age=1", 300),
        ("max-age=86401", 86_400),
        ("max-age=9999999999", 86_400),
        ("s-maxage=600", 1000),
        ("max-age=soon", 1000),
        ("max-age=-600", 1000),
    ],
)
@pytest.mark.parametrize("status", [200, 404])
async def test_the_site_says_how_long_its_rules_hold(
    store: TurnedStore, status: int, cache_control: str | None, lifetime_s: int
) -> None:
    said = {} if cache_control is None else {"cache_control": cache_control}
    found = answer(status, "", "text/plain", **said)
    rules, _ = await robots(store, Site({URL: found}), robots_ttl_s=1000).rules(ORIGIN)
    assert lifetime_s - 1 < (rules.record.expires_at - store.now()).total_seconds() <= lifetime_s


async def test_a_server_in_trouble_is_asked_again_soon_whatever_it_says(store: TurnedStore) -> None:
    found = answer(503, cache_control="max-age=86400")
    rules, _ = await robots(store, Site({URL: found})).rules(ORIGIN)
    assert rules.record.expires_at - store.now() < timedelta(seconds=60)


async def test_an_origin_is_asked_once_by_however_many(store: TurnedStore) -> None:
    class Slow(Site):
        async def get(self, url: str, **asked: Any) -> Response:
            await asyncio.sleep(0.02)
            return await super().get(url, **asked)

    client = Slow({URL: answer(200, RULES)})
    asking = robots(store, client)
    found = await asyncio.gather(*(asking.rules(ORIGIN) for _ in range(9)), asking.rules("http://else.example"))
    assert [url for url, _ in client.asked].count(URL) == 1
    assert [fresh for _, fresh in found[:9]].count(True) == 1
    assert asking.known(ORIGIN) is found[0][0]


async def test_what_was_learnt_serves_the_next_process_and_costs_it_nothing(store: TurnedStore) -> None:
    await robots(store, Site({URL: answer(200, RULES)})).rules(ORIGIN)
    client = Site()
    rules, _ = await robots(store, client).rules(ORIGIN)
    assert not is_allowed(rules)
    assert (client.asked, rules.requests, rules.received_bytes) == ([], 0, 0)


async def test_rules_are_believed_for_a_while_and_silence_for_a_short_one(store: TurnedStore) -> None:
    client = Site({URL: answer(200, RULES)})
    asking = robots(store, client, robots_ttl_s=100)
    await asking.rules(ORIGIN)
    store.turn_on(99)
    assert (await asking.rules(ORIGIN))[1] is False
    client.site[URL] = answer(503)
    store.turn_on(2)
    assert is_allowed((await asking.rules(ORIGIN))[0]) == "robots_unreachable"
    client.site[URL] = answer(404)
    store.turn_on(3)
    assert is_allowed((await asking.rules(ORIGIN))[0]) == "robots_unreachable"
    store.turn_on(2)
    assert is_allowed((await asking.rules(ORIGIN))[0]) is True
    assert len(client.asked) == 3


async def test_declared_sitemaps(store: TurnedStore) -> None:
    rules = await asked(store, answer(200, "Sitemap: http://a/1.xml\nUser-agent: *\nsitemap: /2.xml\n"))
    assert rules.sitemaps == ("http://a/1.xml", "/2.xml")
