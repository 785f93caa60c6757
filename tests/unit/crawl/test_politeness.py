"""How hard a site may be asked: whose word counts, and how long a retry waits."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.crawl.making import FakeRobots

from tidemill.crawl.politeness import Politeness, politeness, retry_delay_s
from tidemill.crawl.robots import Rules
from tidemill.models.run import RunOptions
from tidemill.models.source import SourceSpec
from tidemill.settings import CrawlSettings

AWAY = "https://a.example"
HERE = [
    "http://127.0.0.1",
    "http://127.8.9.1:8000",
    "http://localhost",
    "http://x.localhost:1",
    "http://[::1]",
    "http://[::1]:81",
]


@dataclass
class Unknown:
    """Robots of which nothing is known yet."""

    def known(self, origin: str) -> Rules | None:
        return None


def limits(
    robots: str | None = "", *, asked: float | None = None, written: float | None = None, **settings: object
) -> Politeness:
    return politeness(
        CrawlSettings(**{"rate_per_s": 5.0, **settings}),  # type: ignore[arg-type]
        Unknown() if robots is None else FakeRobots(robots),  # type: ignore[arg-type]
        SourceSpec(name="s", rate_per_s=written),
        RunOptions(rate_per_s=asked),
    )


def test_the_word_of_a_person_comes_before_the_sources_and_that_before_the_setting() -> None:
    assert limits().interval_s(AWAY) == pytest.approx(0.2)
    assert limits(written=2.0).interval_s(AWAY) == pytest.approx(0.5)
    assert limits(written=2.0, asked=10.0).interval_s(AWAY) == pytest.approx(0.1)
    assert limits(written=2.0, asked=0.0).interval_s(AWAY) == 0
    assert limits(rate_per_s=0.0).interval_s(AWAY) == 0


@pytest.mark.parametrize("origin", HERE)
def test_this_machine_has_no_limit_unless_someone_asks_for_one(origin: str) -> None:
    assert limits().interval_s(origin) == 0
    assert limits(asked=4.0).interval_s(origin) == pytest.approx(0.25)
    assert limits(concurrency=16, host_concurrency=4).in_flight(origin) == 16


@pytest.mark.parametrize("origin", [AWAY, "http://192.168.0.1", "http://localhost.example", "http://[2001:db8::1]"])
def test_other_machines_have_one(origin: str) -> None:
    assert limits().interval_s(origin) > 0
    assert limits(concurrency=16, host_concurrency=4).in_flight(origin) == 4
    assert limits(concurrency=2, host_concurrency=4).in_flight(origin) == 2


def test_a_crawl_delay_only_ever_slows() -> None:
    slow = "User-agent: *\nCrawl-delay: 3"
    assert limits(slow).interval_s(AWAY) == 3
    assert limits(slow, asked=100.0).interval_s(AWAY) == 3
    assert limits(slow).interval_s("http://127.0.0.1") == 3
    assert limits(slow, asked=0.1).interval_s(AWAY) == pytest.approx(10)
    assert limits("User-agent: *\nCrawl-delay: 86400").interval_s(AWAY) == 60
    assert limits("User-agent: *\nCrawl-delay: soon").interval_s(AWAY) == pytest.approx(0.2)
    assert limits("User-agent: tidemill\nCrawl-delay: 1\n\nUser-agent: *\nCrawl-delay: 9").interval_s(AWAY) == 1


def test_until_its_robots_are_known_an_origin_gets_one_request_at_a_time() -> None:
    assert limits(None).in_flight(AWAY) == 1
    assert limits(None).interval_s(AWAY) == pytest.approx(0.2)


def test_concurrency_has_the_same_order() -> None:
    settings = CrawlSettings(concurrency=16)
    robots = FakeRobots()
    for options, spec, expected in ((3, 5, 3), (None, 5, 5), (None, None, 16)):
        got = politeness(
            settings,
            robots,
            SourceSpec(name="s", concurrency=spec),
            RunOptions(concurrency=options),  # type: ignore[arg-type]
        )
        assert got.concurrency == expected


ASKED = st.none() | st.floats(0, 1e9)


@given(st.integers(1, 20), ASKED, st.integers(0, 9), st.floats(0.1, 600), st.floats(0.1, 3600))
def test_a_retry_waits_as_long_as_the_site_asked_and_never_beyond_the_cap(
    attempts: int, asked: float | None, seed: int, base: float, cap: float
) -> None:
    settings = CrawlSettings(retry_base_s=base, retry_cap_s=cap)
    delay = retry_delay_s(settings, attempts, asked, random.Random(seed))
    assert 0 <= delay <= cap
    assert delay >= min(asked or 0, cap)
    if not asked:
        assert delay <= base * 2 ** (attempts - 1)


def test_retries_are_spread() -> None:
    rng = random.Random(7)
    delays = {round(retry_delay_s(CrawlSettings(retry_base_s=1.0), 4, None, rng), 1) for _ in range(100)}
    assert len(delays) > 20
