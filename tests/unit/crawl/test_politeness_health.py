"""The health of a host: how its rate follows its answers, when its breaker opens and closes, what its retries cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.crawl.making import NOW, SITE, visit

from tidemill.models.host import (
    RETRY_TOKENS,
    SLOWEST_RATE_PER_S,
    Breaker,
    HostPolicy,
    HostState,
    Observation,
    after,
    granted,
    is_fine,
    observed,
    retry_after_s,
)
from tidemill.models.outcome import Outcome
from tidemill.models.visit import Fetched

GOOD = Observation("t", has_answered=True, elapsed_s=0.1)
SLOW = Observation("t", has_answered=True, elapsed_s=9.0)
BUSY = Observation("t", has_answered=True, is_throttled=True, elapsed_s=0.1)
DOWN = Observation("t", has_failed=True)
BROKEN = Observation("t", has_failed=True, elapsed_s=0.1)
NOTHING = Observation("t")
TRIAL = replace(DOWN, token="trial")
HOST = HostState("http://a.example")
ANY = st.sampled_from([GOOD, SLOW, BUSY, DOWN, BROKEN, NOTHING, TRIAL, replace(GOOD, token="trial")])
RATES = st.none() | st.floats(SLOWEST_RATE_PER_S, 100)
INTERVALS = st.just(0.0) | st.floats(0.001, 60)


def rules(interval_s: float = 0.2, **settings: float) -> HostPolicy:
    return HostPolicy(interval_s=lambda _: interval_s, **settings)  # type: ignore[arg-type]


def answered(status: int | None = 200, reason: str | None = None, **values: object) -> Fetched:
    return Fetched(visit(SITE), reason=reason, status_code=status, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("fault", ["connect", "dns", "timeout", "reset", "tls", "truncated", "robots_unreachable"])
def test_who_cannot_be_reached_fails(fault: str) -> None:
    assert observed(answered(None, fault), NOW) == replace(DOWN, token="token")


@pytest.mark.parametrize("status", [200, 304, 404, 403, 429])
def test_an_answer_is_no_failure_whatever_it_says(status: int) -> None:
    seen = observed(answered(status), NOW)
    assert (seen.has_answered, seen.has_failed, seen.is_throttled) == (True, False, status == 429)


def test_a_broken_server_fails_and_503_asks_for_less_as_well() -> None:
    assert [observed(answered(status), NOW).has_failed for status in (500, 502, 503)] == [True] * 3
    assert [observed(answered(status), NOW).is_throttled for status in (500, 502, 503)] == [False, False, True]


@pytest.mark.parametrize("reason", ["robots", "out_of_scope", "private_address", "browser_crashed", None])
def test_what_was_never_sent_says_nothing(reason: str | None) -> None:
    assert observed(answered(None, reason), NOW) == replace(NOTHING, token="token")


def test_only_what_is_fine_needs_no_second_look() -> None:
    policy = rules(slow_answer_s=5.0)
    assert is_fine(answered(elapsed_s=4.9), policy)
    assert is_fine(answered(404), policy)
    assert is_fine(answered(None, "robots"), policy)
    for fetched in (
        answered(elapsed_s=5.1),
        answered(429),
        answered(500),
        answered(None, "reset"),
        answered(None, "browser_crashed", retry_at=NOW),
    ):
        assert not is_fine(fetched, policy)


def test_the_rate_is_halved_once_for_each_batch_that_is_throttled() -> None:
    once = after(HOST, [BUSY] * 9 + [GOOD], rules(0.2), NOW)
    assert once.rate_per_s == pytest.approx(2.5)
    assert after(once, [GOOD, BUSY], rules(0.2), NOW).rate_per_s == pytest.approx(1.25)
    assert after(HOST, [BUSY], rules(0), NOW).rate_per_s == pytest.approx(5)
    assert after(replace(HOST, rate_per_s=40.0), [BUSY], rules(0), NOW).rate_per_s == pytest.approx(20)


def test_slow_answers_cost_less_than_refusals() -> None:
    assert after(HOST, [SLOW, SLOW], rules(0.2), NOW).rate_per_s == pytest.approx(3.5)
    assert after(HOST, [SLOW] + [GOOD] * 9, rules(0.2), NOW).rate_per_s is None


def test_the_rate_comes_back_slowly_and_is_forgotten_when_it_is_what_it_was() -> None:
    state = replace(HOST, rate_per_s=4.0)
    state = after(state, [GOOD], rules(0.2), NOW)
    assert state.rate_per_s == pytest.approx(4.4)
    state = after(state, [GOOD, DOWN], rules(0.2), NOW)
    assert state.rate_per_s == pytest.approx(4.4)
    state = after(after(state, [GOOD], rules(0.2), NOW), [GOOD], rules(0.2), NOW)
    assert state.rate_per_s is None
    assert after(replace(HOST, rate_per_s=95.0), [GOOD], rules(0), NOW).rate_per_s is None


def test_a_run_that_asks_less_learns_nothing_about_the_faster_rate() -> None:
    assert after(replace(HOST, rate_per_s=4.0), [GOOD], rules(1.0), NOW).rate_per_s == 4.0


@given(RATES, INTERVALS, st.lists(ANY, max_size=9))
def test_a_rate_stays_between_the_slowest_and_what_the_host_is_asked_anyway(
    rate: float | None, interval_s: float, seen: list[Observation]
) -> None:
    policy = rules(interval_s)
    adapted = after(replace(HOST, rate_per_s=rate), seen, policy, NOW).rate_per_s
    if adapted is not None:
        assert adapted >= SLOWEST_RATE_PER_S
        assert adapted <= max(rate or 0, policy.base_rate_per_s(HOST.origin) or 100)
    if rate is not None and any(each.is_throttled for each in seen):
        assert adapted is not None
        assert adapted <= rate
    if any(each.is_throttled for each in seen) and interval_s < 1:
        assert adapted is not None


def test_retry_after_moves_the_slot_of_the_host_and_no_further_than_the_cap() -> None:
    throttled = answered(429, "http_429", headers=(("Retry-After", "30"),))
    seen = observed(throttled, NOW)
    assert after(HOST, [seen], rules(), NOW).next_slot_at == NOW + timedelta(seconds=30)
    later = replace(HOST, next_slot_at=NOW + timedelta(seconds=45))
    assert after(later, [seen], rules(), NOW).next_slot_at == later.next_slot_at
    assert after(HOST, [seen], rules(retry_cap_s=10), NOW).next_slot_at == NOW + timedelta(seconds=10)
    assert observed(answered(200, headers=throttled.headers), NOW).retry_after_s == 0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 5 ", 5),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("", None),
        ("-3", None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after_s(value, NOW) == seconds


def test_failures_in_a_row_open_the_breaker_and_an_answer_between_them_starts_anew() -> None:
    policy = rules(breaker_failures=3, breaker_open_s=30)
    assert after(HOST, [DOWN, DOWN, GOOD, DOWN, BROKEN], policy, NOW).breaker is Breaker.CLOSED
    opened = after(HOST, [DOWN, BROKEN, NOTHING, DOWN], policy, NOW)
    assert (opened.breaker, opened.breaker_until) == (Breaker.OPEN, NOW + timedelta(seconds=30))
    assert opened.is_shut(NOW)
    assert not opened.is_shut(NOW + timedelta(seconds=30))
    assert after(opened, [DOWN] * 9, policy, NOW + timedelta(seconds=9)) == opened
    assert after(opened, [GOOD], policy, NOW).breaker is Breaker.CLOSED


@given(st.lists(ANY, max_size=12), st.integers(0, 12), st.integers(1, 6))
def test_the_breaker_does_not_care_how_visits_are_batched(seen: list[Observation], cut: int, failures: int) -> None:
    policy = rules(breaker_failures=failures)
    whole = after(HOST, seen, policy, NOW)
    parts = after(after(HOST, seen[:cut], policy, NOW), seen[cut:], policy, NOW)
    assert (whole.breaker, whole.failures, whole.breaker_until) == (parts.breaker, parts.failures, parts.breaker_until)


@given(st.lists(ANY, max_size=9), st.booleans())
def test_after_an_answer_a_host_is_never_left_alone(seen: list[Observation], is_out: bool) -> None:
    tried = replace(HOST, breaker=Breaker.HALF_OPEN, breaker_until=NOW, trial_token="trial", failed_trials=2)
    state = after(tried if is_out else HOST, [*seen, GOOD], rules(breaker_failures=1), NOW)
    assert (state.breaker, state.failures, state.failed_trials, state.trial_token) == (Breaker.CLOSED, 0, 0, None)


def half_open(failed_trials: int = 0) -> HostState:
    until = NOW + timedelta(seconds=120)
    return replace(
        HOST, breaker=Breaker.HALF_OPEN, breaker_until=until, trial_token="trial", failed_trials=failed_trials
    )


def test_each_failed_trial_doubles_the_pause_up_to_a_quarter_of_an_hour() -> None:
    pauses = []
    for failed in range(8):
        state = after(half_open(failed), [TRIAL], rules(breaker_open_s=30), NOW)
        assert (state.breaker, state.failed_trials) == (Breaker.OPEN, failed + 1)
        assert state.breaker_until is not None
        pauses.append((state.breaker_until - NOW).total_seconds())
    assert pauses == [60, 120, 240, 480, 900, 900, 900, 900]


def test_only_the_trial_itself_fails_the_trial() -> None:
    assert after(half_open(), [DOWN], rules(), NOW) == half_open()
    inconclusive = after(half_open(2), [replace(NOTHING, token="trial")], rules(), NOW)
    assert (inconclusive.breaker, inconclusive.failed_trials) == (Breaker.OPEN, 2)
    assert not inconclusive.is_shut(NOW)


def test_a_run_gives_up_after_so_many_failed_trials() -> None:
    policy = rules(breaker_trials=3)
    assert not policy.has_given_up(after(half_open(1), [TRIAL], policy, NOW))
    assert policy.has_given_up(after(half_open(2), [TRIAL], policy, NOW))


def test_a_retry_costs_a_token_and_an_answer_gives_a_part_of_one() -> None:
    again = answered(None, "timeout", retry_at=NOW)
    poor = replace(HOST, retry_tokens=1.5)
    poorer, refusal = granted(poor, again, rules())
    assert (poorer.retry_tokens, refusal) == (0.5, None)
    assert granted(poorer, again, rules()) == (poorer, "retry_budget")
    assert after(poorer, [GOOD] * 3, rules(retry_budget=0.2), NOW).retry_tokens == pytest.approx(1.1)
    assert granted(poorer, answered(404, "http_404", outcome=Outcome.GONE), rules()) == (poorer, None)


def test_visits_that_wait_for_a_host_or_for_its_robots_cost_nothing() -> None:
    poor = replace(HOST, retry_tokens=0.0)
    waiting = answered(None, "robots_unreachable", retry_at=NOW)
    assert granted(poor, waiting, rules()) == (poor, None)
    left_alone = replace(poor, breaker=Breaker.OPEN, breaker_until=NOW)
    assert granted(left_alone, answered(None, "timeout", retry_at=NOW), rules()) == (left_alone, None)


def test_a_retry_after_the_deadline_ends_with_its_own_reason() -> None:
    first = NOW - timedelta(seconds=100)
    late = Fetched(replace(visit(SITE), tried_at=first), reason="timeout", retry_at=NOW)
    assert granted(HOST, late, rules(retry_deadline_s=99))[1] == "timeout"
    assert granted(HOST, late, rules(retry_deadline_s=100))[1] is None


def test_a_retry_of_a_host_that_is_down_is_refused() -> None:
    down = replace(HOST, breaker=Breaker.OPEN, breaker_until=NOW, failed_trials=5)
    assert granted(down, answered(None, "timeout", retry_at=NOW), rules())[1] == "host_down"


@given(st.floats(0, RETRY_TOKENS), st.lists(ANY, max_size=40), st.floats(0, 1), st.integers(0, 30))
def test_the_budget_is_never_negative_and_never_hoarded(
    tokens: float, seen: list[Observation], budget: float, retries: int
) -> None:
    policy = rules(retry_budget=budget)
    state = after(replace(HOST, retry_tokens=tokens), seen, policy, NOW)
    granted_retries = 0
    for _ in range(retries):
        state, refusal = granted(state, answered(None, "timeout", retry_at=NOW), policy)
        granted_retries += refusal is None
        assert 0 <= state.retry_tokens <= RETRY_TOKENS
    if state.breaker is Breaker.CLOSED:
        assert granted_retries <= RETRY_TOKENS
