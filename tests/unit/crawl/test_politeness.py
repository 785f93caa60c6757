"""How hard a site may be asked: whose word counts, and how long a retry waits."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.crawl.making import NOW, FakeRobots

from tidemill.crawl.politeness import Politeness, politeness, retry_delay_s
from tidemill.crawl.robots import Rules
from tidemill.models.host import Breaker, HostState
from tidemill.models.run import RunOptions
from tidemill.models.source import SourceSpec
from tidemill.settings import CrawlSettings
from tidemill.store.hosts import Settled

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
    robots: str | None = "",
    *,
    asked: float | None = None,
    written: float | None = None,
    delay_s: float | None = None,
    **settings: object,
) -> Politeness:
    return politeness(
        CrawlSettings(**{"rate_per_s": 5.0, **settings}),  # type: ignore[arg-type]
        Unknown() if robots is None else FakeRobots(robots),  # type: ignore[arg-type]
        SourceSpec(name="s", rate_per_s=written, delay_s=delay_s),
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
    assert limits(concurrency=16, host_concurrency=4).in_flight(origin) == 8  # half of it: others need room


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


def test_of_rate_delay_and_crawl_delay_the_slowest_counts() -> None:
    slow = "User-agent: *\nCrawl-delay: 3"
    assert limits(delay_s=2.0).interval_s(AWAY) == 2
    assert limits(delay_s=2.0).interval_s("http://127.0.0.1") == 2
    assert limits(delay_s=0.1).interval_s(AWAY) == pytest.approx(0.2)
    assert limits(slow, delay_s=2.0).interval_s(AWAY) == 3
    assert limits(slow, delay_s=4.0, asked=0.0).interval_s(AWAY) == 4


def told(state: HostState, *put_off: str) -> Settled:
    return Settled([], {state.origin: state}, frozenset(put_off))


def test_a_slowed_host_is_asked_less_until_the_ledger_says_otherwise() -> None:
    polite = limits()
    slowed = HostState(AWAY, rate_per_s=0.5)
    assert polite.heed(told(slowed), NOW) == [AWAY]
    assert (polite.interval_s(AWAY), polite.base_interval_s(AWAY)) == (2, pytest.approx(0.2))
    assert polite.heed(told(replace(slowed, rate_per_s=0.55)), NOW) == []
    assert polite.heed(told(replace(slowed, rate_per_s=0.3)), NOW) == [AWAY]
    assert polite.heed(told(HostState(AWAY)), NOW) == []
    assert polite.interval_s(AWAY) == pytest.approx(0.2)
    assert polite.heeded == {}


def test_a_faster_rate_than_was_asked_for_changes_nothing() -> None:
    polite = limits(written=0.1)
    polite.heed(told(HostState(AWAY, rate_per_s=3.0)), NOW)
    assert polite.interval_s(AWAY) == pytest.approx(10)


def test_visits_of_a_host_that_is_left_alone_or_wants_a_pause_are_given_back() -> None:
    shut = HostState(AWAY, breaker=Breaker.OPEN, breaker_until=NOW + timedelta(seconds=1))
    assert limits().heed(told(shut), NOW) == [AWAY]
    assert limits().heed(told(HostState(AWAY), AWAY), NOW) == [AWAY]
    assert limits().heed(told(HostState(AWAY, failures=2)), NOW) == []


def test_the_policy_has_the_settings_and_the_interval_of_a_healthy_host() -> None:
    polite = limits(
        slow_answer_s=1.5,
        retry_cap_s=2,
        retry_deadline_s=3,
        retry_budget=0.4,
        breaker_failures=5,
        breaker_open_s=6,
        breaker_trials=7,
    )
    polite.heed(told(HostState(AWAY, rate_per_s=0.5)), NOW)
    policy = polite.policy(lambda _: None)
    assert policy.base_rate_per_s(AWAY) == pytest.approx(5)
    values = [getattr(policy, each.name) for each in fields(policy) if each.name not in ("interval_s", "pace_per_s")]
    assert values == [1.5, 2, 3, 0.4, 5, 6, 7]


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
