"""How much may be asked: by an address before anybody is recognised, by a key and its user after that.

In: which kind of route a request is for, and who asks. Out: the request with its standing in the headers of the answer
(`RateLimit`, `RateLimit-Policy`: draft-ietf-httpapi-ratelimit-headers-10), or a 429. `Rates` has the numbers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemill.http.access import Access
from tidemill.http.auth import ANONYMOUS
from tidemill.http.client_address import network_of
from tidemill.http.keys import presented_key
from tidemill.http.problems import Problem, ProblemError
from tidemill.http.scopes import RawHeaders, answer_headers, caller, client_address, state
from tidemill.limits.base import Limiter, Quota, Standing, Verdict
from tidemill.models.account import Caller
from tidemill.settings.tree import LimitsSettings
from tidemill.telemetry.logs import get_logger
from tidemill.telemetry.metrics import Metrics

RELAXED = 1000
_HOUR_S = 3600.0
_SAY_EVERY_S = 5.0
_DEFAULTS = {"address": 1200, "requests": 600, "user": 1200, "search": 300, "costly": 60, "login": 300}
_log = get_logger(__name__)


class RouteClass(StrEnum):
    """What a request of a route costs us."""

    FREE = "free"
    """Probes and metrics: never counted."""
    CHEAP = "cheap"
    SEARCH = "search"
    COSTLY = "costly"
    LOGIN = "login"


@dataclass(frozen=True, slots=True)
class Rates:
    """The numbers; 0 is no limit."""

    window_s: float
    address: int
    address_per_hour: int
    requests: int
    user: int
    search: int
    costly: int
    login: int

    def before(self, network: str, kind: RouteClass) -> list[Quota]:
        """What holds whoever asks."""
        given = [Quota("address", network, self.address, self.window_s)]
        if kind is RouteClass.LOGIN:
            given.append(Quota("login", network, self.login, self.window_s))
        given.append(Quota("address-hour", network, self.address_per_hour, _HOUR_S))
        return [each for each in given if each.most]

    def of(self, who: Caller, one: str, kind: RouteClass) -> list[Quota]:
        """What holds for a caller, and `one` key or login of theirs. All of a user's share what is the user's."""
        given = [Quota("requests", one, self.requests, self.window_s)]
        if kind in (RouteClass.SEARCH, RouteClass.COSTLY):
            given.append(Quota(kind.value, one, getattr(self, kind.value), self.window_s))
        if who.user_id is not None:
            given.append(Quota("user", who.user_id, self.user, self.window_s))
        return [each for each in given if each.most]


def rates_of(settings: LimitsSettings, *, is_relaxed: bool) -> Rates:
    """The numbers of the settings. `is_relaxed`: those that are not given are so high that nobody meets them."""
    factor = RELAXED if is_relaxed else 1
    given = {
        "address": settings.address,
        "requests": settings.requests,
        "user": settings.user,
        "search": settings.search,
        "costly": settings.costly,
        "login": settings.login,
    }
    numbers = {name: _DEFAULTS[name] * factor if number is None else number for name, number in given.items()}
    return Rates(settings.window_s, address_per_hour=settings.address_per_hour, **numbers)


class Classes:
    """The kind of each request. `table` is by operation; what is not in it is cheap."""

    def __init__(self, access: Access, table: Mapping[str, RouteClass]) -> None:
        self._access = access
        self._table = table

    def of(self, scope: Scope) -> RouteClass:
        """The kind of this one. What no route serves is cheap."""
        operation = self._access.operation(scope.get("method", "GET"), scope["path"])
        return self._table.get(operation, RouteClass.CHEAP)


class RateLimits:
    """One of the two layers: `quotas` gives what is to be counted of a request."""

    def __init__(
        self,
        app: ASGIApp,
        limiter: Limiter,
        classes: Classes,
        quotas: Callable[[Scope, RouteClass], Sequence[Quota]],
        metrics: Metrics,
    ) -> None:
        self._app = app
        self._limiter = limiter
        self._classes = classes
        self._quotas = quotas
        self._metrics = metrics
        self._refused = 0
        self._say_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket; anything else is passed on as it is. Raises a 429 (`rate_limited`)."""
        kind = self._classes.of(scope) if scope["type"] in ("http", "websocket") else RouteClass.FREE
        quotas = self._quotas(scope, kind) if kind is not RouteClass.FREE else ()
        if not quotas:
            await self._app(scope, receive, send)
            return
        verdict = await self._limiter.take(quotas)
        problem = None if verdict.is_allowed else self._refusal(verdict)
        if scope["type"] == "websocket":
            if problem is None:
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": problem.reason})
            return
        standings: list[Standing] = state(scope).setdefault("rate_limits", [])
        is_outer = not standings
        standings += verdict.standings
        if is_outer:
            send = _telling(standings, send)
        try:
            if problem is not None:
                raise ProblemError(problem)
            await self._app(scope, receive, send)
        except Exception:
            if is_outer:  # whoever answers the error tells, too
                answer_headers(scope).extend(rate_headers(standings))
            raise

    def _refusal(self, verdict: Verdict) -> Problem:
        used_up = [each for each in verdict.standings if not each.remaining]
        worst = max(used_up or verdict.standings, key=lambda each: each.reset_s)
        self._metrics.count_limited(worst.quota.name)
        self._say(worst.quota.name)
        seconds = max(1, math.ceil(worst.reset_s))
        quota = worst.quota
        detail = (
            f"More than {quota.most} requests in {quota.window_s:g} s (limit {quota.name!r}); try again in {seconds} s."
        )
        return Problem(429, "rate_limited", detail, headers=(("Retry-After", str(seconds)),))

    def _say(self, name: str) -> None:
        """That requests are refused, every few seconds: it may be thousands of them."""
        self._refused += 1
        if time.monotonic() >= self._say_at:
            _log.warning("requests refused", action="http.limited", refused=self._refused, limit=name)
            self._refused, self._say_at = 0, time.monotonic() + _SAY_EVERY_S


def by_address(rates: Rates) -> Callable[[Scope, RouteClass], Sequence[Quota]]:
    """The layer before authentication."""
    return lambda scope, kind: rates.before(network_of(client_address(scope) or ""), kind)


def by_caller(rates: Rates) -> Callable[[Scope, RouteClass], Sequence[Quota]]:
    """The layer behind it. Nobody in particular has been counted by address."""

    def quotas(scope: Scope, kind: RouteClass) -> Sequence[Quota]:
        who = caller(scope)
        return rates.of(who, _credential(who, scope), kind) if who.name != ANONYMOUS else ()

    return quotas


def _credential(who: Caller, scope: Scope) -> str:
    """What stands for the key or login. Keys of the settings have no names: a piece of their hash does."""
    own = who.key_id or who.session_id
    if own is not None:
        return own
    presented = presented_key(scope)
    return f"{who.name}:{sha256(presented.encode()).hexdigest()[:16]}" if presented else who.name


def rate_headers(standings: Sequence[Standing]) -> RawHeaders:
    """All rules, how the tightest of them stands, and the same in the older form."""
    tightest = min(standings, key=lambda each: (each.remaining, -each.reset_s))
    policies = ", ".join(
        f'"{each.quota.name}";q={each.quota.most};w={_whole(each.quota.window_s)}' for each in standings
    )
    name, left, reset = tightest.quota.name, str(tightest.remaining), str(_whole(tightest.reset_s))
    return [
        (b"ratelimit-policy", policies.encode()),
        (b"ratelimit", f'"{name}";r={left};t={reset}'.encode()),
        (b"x-ratelimit-limit", str(tightest.quota.most).encode()),
        (b"x-ratelimit-remaining", left.encode()),
        (b"x-ratelimit-reset", reset.encode()),
    ]


def _telling(standings: Sequence[Standing], send: Send) -> Send:
    """`send`, the outer layer's: the inner one has added its standings by then."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *rate_headers(standings)]
        await send(message)

    return sending


def _whole(seconds: float) -> int:
    return max(1, math.ceil(seconds))
