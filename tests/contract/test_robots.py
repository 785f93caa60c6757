"""robots.txt by RFC 9309 over a real store: what each answer means, who asks, and how long it is believed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.store_house import TurnedStore, opened_store
from tests.unit.crawl.making import FakeClient, answer

from tidemill.crawl.robots import Robots, Rules, _rules
from tidemill.errors import Forbidden, Permanent, TidemillError, Transient
from tidemill.net import Response
from tidemill.settings import CrawlSettings
from tidemill.store.hosts import RobotsRecord

ORIGIN = "http://site.example"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
URL = f"{ORIGIN}/robots.txt"
AGENT = "tidemill"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[TurnedStore]:
    async with opened_store(tmp_path / "tidemill.db") as store:
        yield store


def robots(store: TurnedStore, client: Any, **settings: Any) -> Robots:
    return Robots(store, client, CrawlSettings(**settings), allow_private=None)


async def asked(store: TurnedStore, found: Response | TidemillError) -> Rules:
    rules, fresh = await robots(store, FakeClient({URL: found})).rules(ORIGIN)
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
        (answer(302), True),
        (answer(302, location="http://[broken"), True),
        (answer(302, location="javascript:0"), True),
    ],
)
async def test_what_each_answer_means(store: TurnedStore, found: Response | TidemillError, allowed: bool | str) -> None:
    assert is_allowed(await asked(store, found)) == allowed


async def test_redirects_are_followed_five_times(store: TurnedStore) -> None:
    def chain(hops: int) -> FakeClient:
        site: dict[str, Response | TidemillError] = {
            f"{ORIGIN}/{n}": answer(301, location=f"/{n + 1}") for n in range(1, hops)
        }
        site[URL] = answer(302, location="http://site.example/1")
        site[f"{ORIGIN}/{hops}"] = answer(200, "User-agent: *\nDisallow: /", "text/plain")
        return FakeClient(site)

    rules, _ = await robots(store, five := chain(5)).rules(ORIGIN)
    assert not is_allowed(rules)
    assert (rules.requests, len(five.asked)) == (6, 6)
    async with opened_store(store.path.with_name("other.db")) as other:
        rules, _ = await robots(other, chain(6)).rules(ORIGIN)
        assert is_allowed(rules) is True


async def test_an_origin_that_the_guard_refuses_is_not_remembered(store: TurnedStore) -> None:
    client = FakeClient({URL: Forbidden("x", reason="private_address")})
    asking = robots(store, client)
    for _ in range(2):
        with pytest.raises(Forbidden):
            await asking.rules(ORIGIN)
    assert asking.known(ORIGIN) is None


async def test_an_origin_is_asked_once_by_however_many(store: TurnedStore) -> None:
    class Slow(FakeClient):
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
    await robots(store, FakeClient({URL: answer(200, RULES)})).rules(ORIGIN)
    client = FakeClient()
    rules, _ = await robots(store, client).rules(ORIGIN)
    assert not is_allowed(rules)
    assert (client.asked, rules.requests, rules.received_bytes) == ([], 0, 0)


async def test_rules_are_believed_for_a_while_and_silence_for_a_short_one(store: TurnedStore) -> None:
    client = FakeClient({URL: answer(200, RULES)})
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


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from(["User-agent: *", "Disallow: /%zz*$", "Crawl-delay: nan", "Allow:"]))
    .map("\n".join)
    .map(str.encode)
)
def test_no_robots_txt_breaks_anything(body: bytes) -> None:
    record = RobotsRecord(
        "rules",
        body.decode("utf-8", "replace"),
        expires_at=TurnedStore.__dataclass_fields__["at"].default + timedelta(1),
    )
    rules = _rules(record)
    assert rules.allows(f"{ORIGIN}/x?y=%C3%A9", AGENT, NOW) in (True, False)
    assert not rules.delay_s(AGENT) > 60
    assert isinstance(rules.sitemaps, tuple)
