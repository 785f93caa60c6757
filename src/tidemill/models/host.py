"""The health of a host: how fast it may be asked, when it is left alone, and what its retries may cost.

In: the state of a host and what a batch of visits showed of it. Out: the state from then on. All of it is pure:
`store.hosts` keeps the states in the transaction that records the visits, `crawl.politeness` makes the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from tidemill.models.visit import Fetched

RETRY_TOKENS = 20.0
"""Retries that a host may cost before it has answered anything."""

SLOWEST_RATE_PER_S = 1 / 60
"""However it answers, a host is asked once a minute; what is worse than that is the breaker's business."""

_UNKNOWN_RATE_PER_S = 10.0
_UNLIMITED_RATE_PER_S = 100.0
_THROTTLED_FACTOR = 0.5
_SLOW_FACTOR = 0.7
_RECOVERY_FACTOR = 1.1
_LONGEST_PAUSE_S = 900.0
_LATENCY_WEIGHT = 0.3
_THROTTLING = frozenset({429, 503})
_FAILURES = frozenset(
    {"connect", "dns", "timeout", "reset", "tls", "truncated", "protocol", "robots_unreachable"}
)  # what a host does that cannot be reached, or does not speak HTTP


class Breaker(StrEnum):
    """`CLOSED`: asked as usual. `OPEN`: left alone until a time. `HALF_OPEN`: one visit is out to try it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class HostState:
    """How a host stands. `rate_per_s` is the rate it was slowed down to, `None` if it was not.

    `breaker_until` is when the next trial may go out. `failures` and `failed_trials` are in a row; `trial_token` is the
    lease of the visit that is out to try a half-open host. `latency_s` is a moving mean of the times of its answers, as
    far as they were looked at.
    """

    origin: str
    next_slot_at: datetime | None = None
    rate_per_s: float | None = None
    breaker: Breaker = Breaker.CLOSED
    breaker_until: datetime | None = None
    failures: int = 0
    failed_trials: int = 0
    trial_token: str | None = None
    retry_tokens: float = RETRY_TOKENS
    latency_s: float | None = None

    @property
    def is_healthy(self) -> bool:
        """Whether nothing that went wrong is held against it."""
        closed = self.breaker is Breaker.CLOSED and self.failures == 0
        return closed and self.rate_per_s is None and self.retry_tokens >= RETRY_TOKENS

    def is_shut(self, now: datetime) -> bool:
        """Whether no visit of it may go out just now."""
        return self.breaker is not Breaker.CLOSED and (self.breaker_until is None or self.breaker_until > now)


@dataclass(frozen=True, slots=True)
class HostPolicy:
    """The rules of one run. `interval_s(origin)` is the least time between two requests to a healthy host, 0: none.

    `pace_per_s(origin)` is how many requests a second it gets at present, `None` if nobody knows. The others are the
    settings of the same names (`crawl.…`).
    """

    interval_s: Callable[[str], float]
    slow_answer_s: float = 5.0
    retry_cap_s: float = 60.0
    retry_deadline_s: float = 900.0
    retry_budget: float = 0.2
    breaker_failures: int = 5
    breaker_open_s: float = 30.0
    breaker_trials: int = 5
    pace_per_s: Callable[[str], float | None] = lambda _: None

    def base_rate_per_s(self, origin: str) -> float:
        """Requests a second to a healthy host; 0 for no limit."""
        interval_s = self.interval_s(origin)
        return 1.0 / interval_s if interval_s > 0 else 0.0

    def has_given_up(self, state: HostState) -> bool:
        """Whether so many trials failed that a run waits no longer."""
        return state.breaker is Breaker.OPEN and state.failed_trials >= self.breaker_trials


@dataclass(frozen=True, slots=True)
class Observation:
    """What one visit showed of its host. A visit may show nothing at all: it was refused before anything was sent.

    `has_answered`: there was an answer that a working server gives. `has_failed`: it could not be reached, or broke
    down. `is_throttled`: it asks for fewer requests. `elapsed_s` is `None` if there was no answer.
    """

    token: str
    has_answered: bool = False
    has_failed: bool = False
    is_throttled: bool = False
    elapsed_s: float | None = None
    retry_after_s: float = 0.0


def observed(fetched: Fetched, now: datetime) -> Observation:
    """What a visit showed of its host."""
    status = fetched.status_code
    token = fetched.visit.token
    if status is None:
        return Observation(token, has_failed=fetched.reason in _FAILURES)
    is_throttled = status in _THROTTLING
    return Observation(
        token,
        has_answered=status < 500,
        has_failed=status >= 500,
        is_throttled=is_throttled,
        elapsed_s=fetched.elapsed_s,
        retry_after_s=_asked_wait_s(fetched, now) if is_throttled else 0.0,
    )


def is_fine(fetched: Fetched, policy: HostPolicy) -> bool:
    """Whether a visit holds nothing against its host; most do, and need no more than this look."""
    status = fetched.status_code
    if status is None:
        return fetched.retry_at is None and fetched.reason not in _FAILURES
    return status < 500 and status != 429 and fetched.retry_at is None and fetched.elapsed_s <= policy.slow_answer_s


def after(state: HostState, seen: Sequence[Observation], policy: HostPolicy, now: datetime) -> HostState:
    """The state of a host after a batch of visits, in their order."""
    for each in seen:
        state = _after_one(state, each, policy, now)
    answers = [each.elapsed_s for each in seen if each.elapsed_s is not None]
    latency = sum(answers) / len(answers) if answers else None
    tokens = min(RETRY_TOKENS, state.retry_tokens + policy.retry_budget * len(answers))
    return replace(
        state,
        rate_per_s=_adapted_rate(state, seen, latency, policy),
        next_slot_at=_next_slot(state, seen, policy, now),
        retry_tokens=tokens,
        latency_s=_smoothed(state.latency_s, latency),
    )


def granted(state: HostState, fetched: Fetched, policy: HostPolicy) -> tuple[HostState, str | None]:
    """What a retry costs its host, and the reason for which it is refused, if it is.

    A host that is left alone costs nothing: its breaker bounds what it is asked. Nor does a robots.txt that cannot be
    had, since the pages behind it are not asked for.
    """
    if fetched.retry_at is None:
        return state, None
    tried_at = fetched.visit.tried_at
    if tried_at is not None and (fetched.retry_at - tried_at).total_seconds() > policy.retry_deadline_s:
        return state, fetched.reason
    if policy.has_given_up(state):
        return state, "host_down"
    if state.breaker is not Breaker.CLOSED or fetched.reason == "robots_unreachable":
        return state, None
    if state.retry_tokens < 1:
        return state, "retry_budget"
    return replace(state, retry_tokens=state.retry_tokens - 1), None


def retry_after_s(value: str, now: datetime) -> float | None:
    """A `Retry-After` header in seconds (RFC 9110, section 10.2.3); `None` if there is none that makes sense."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())


def _asked_wait_s(fetched: Fetched, now: datetime) -> float:
    said = next((value for name, value in fetched.headers if name.lower() == "retry-after"), None)
    return (retry_after_s(said, now) or 0.0) if said is not None else 0.0


def _after_one(state: HostState, each: Observation, policy: HostPolicy, now: datetime) -> HostState:
    if each.has_answered:
        return _closed(state)
    is_trial = state.breaker is Breaker.HALF_OPEN and each.token == state.trial_token
    if is_trial and each.has_failed:
        return _opened(state, state.failed_trials + 1, policy, now)
    if is_trial:  # it was refused on the way: another visit may try at once
        return replace(state, breaker=Breaker.OPEN, breaker_until=now, trial_token=None)
    if not each.has_failed or state.breaker is not Breaker.CLOSED:
        return state  # while it is left alone, what was under way before says nothing new
    state = replace(state, failures=state.failures + 1)
    return _opened(state, 0, policy, now) if state.failures >= policy.breaker_failures else state


def _closed(state: HostState) -> HostState:
    if state.breaker is Breaker.CLOSED and state.failures == 0:
        return state
    fresh = {"breaker": Breaker.CLOSED, "breaker_until": None, "failures": 0, "failed_trials": 0, "trial_token": None}
    return replace(state, **fresh)  # type: ignore[arg-type]


def _opened(state: HostState, failed_trials: int, policy: HostPolicy, now: datetime) -> HostState:
    longest = max(_LONGEST_PAUSE_S, policy.breaker_open_s)
    pause_s = min(longest, policy.breaker_open_s * 2.0 ** min(failed_trials, 32))
    return replace(
        state,
        breaker=Breaker.OPEN,
        breaker_until=now + timedelta(seconds=pause_s),
        failed_trials=failed_trials,
        trial_token=None,
    )


def _adapted_rate(
    state: HostState, seen: Sequence[Observation], latency_s: float | None, policy: HostPolicy
) -> float | None:
    """Down quickly, once for each batch; up slowly, until it is what it was."""
    base = policy.base_rate_per_s(state.origin)
    rate = state.rate_per_s
    present = min(each for each in (rate, base or None, _UNLIMITED_RATE_PER_S) if each is not None)
    if rate is None and not base:
        present = min(policy.pace_per_s(state.origin) or _UNKNOWN_RATE_PER_S, _UNLIMITED_RATE_PER_S)
    if any(each.is_throttled for each in seen):
        return _slowed(state, present * _THROTTLED_FACTOR, base)
    if latency_s is None:
        return rate
    if latency_s > policy.slow_answer_s:
        return _slowed(state, present * _SLOW_FACTOR, base)
    if rate is None or (base and base < rate) or any(each.has_failed for each in seen):
        return rate  # a run that asks less than the host may be asked learns nothing about it
    raised = rate * _RECOVERY_FACTOR
    return None if raised >= (base or _UNLIMITED_RATE_PER_S) else raised


def _slowed(state: HostState, rate: float, base: float) -> float | None:
    """A rate that is not below the slowest, and never above what the host is asked anyway."""
    rate = max(rate, SLOWEST_RATE_PER_S)
    return state.rate_per_s if base and rate >= base else rate


def _next_slot(state: HostState, seen: Sequence[Observation], policy: HostPolicy, now: datetime) -> datetime | None:
    """Later, if the host asked for it; `Retry-After` speaks of the host and not of one of its pages."""
    asked = max((each.retry_after_s for each in seen), default=0.0)
    if asked <= 0:
        return state.next_slot_at
    until = now + timedelta(seconds=min(asked, policy.retry_cap_s))
    return until if state.next_slot_at is None else max(until, state.next_slot_at)


def _smoothed(before: float | None, latest: float | None) -> float | None:
    if latest is None or before is None:
        return before if latest is None else latest
    return before + _LATENCY_WEIGHT * (latest - before)
