"""Who is counted as what, what the answer says of it, and who is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.unit.http.asgi import Answered, ask, hello, raising, scope_of

from tidemill.errors import Forbidden
from tidemill.http.access import Access, Route
from tidemill.http.errors import Errors
from tidemill.http.rate_limits import (
    RELAXED,
    Classes,
    RateLimits,
    Rates,
    RouteClass,
    by_address,
    by_caller,
    rates_of,
)
from tidemill.http.scopes import state
from tidemill.limits.memory import MemoryLimiter
from tidemill.models.account import Caller, Role, caller_of
from tidemill.settings.tree import LimitsSettings
from tidemill.telemetry.metrics import Metrics

RATES = Rates(60.0, address=20, address_per_hour=0, requests=10, user=15, search=4, costly=2, login=3)
TABLE = {
    "GET /livez": RouteClass.FREE,
    "GET /search": RouteClass.SEARCH,
    "POST /runs": RouteClass.COSTLY,
    "POST /token": RouteClass.LOGIN,
}
ROUTES = [Route(each.split()[1], compile_path(each.split()[1])[0], frozenset([each.split()[0]])) for each in TABLE]
CLASSES = Classes(Access(ROUTES, {}), TABLE)
ADA = replace(caller_of("user:ada@example.org", Role.VIEWER), user_id="1")
NOW = datetime(2026, 11, 23, tzinfo=UTC)


class House:
    """Both layers, with somebody between them who says who asks."""

    def __init__(self, rates: Rates = RATES, app: ASGIApp = hello) -> None:
        limiter, self.metrics = MemoryLimiter(clock=lambda: 100.0), Metrics()
        inner = RateLimits(app, limiter, CLASSES, by_caller(rates), self.metrics)
        self.who: Caller = caller_of("loopback", Role.OPERATOR)

        async def known(scope: Scope, receive: Receive, send: Send) -> None:
            state(scope)["caller"] = self.who
            await inner(scope, receive, send)

        self.app = Errors(RateLimits(known, limiter, CLASSES, by_address(rates), self.metrics))

    async def get(
        self, path: str = "/x", *, method: str = "GET", address: str = "192.0.2.1", key: str = ""
    ) -> Answered:
        headers = {"x-api-key": key} if key else {}
        return await ask(self.app, scope_of(method, path, headers) | {"client": (address, 1)})

    async def passed(self, number: int, path: str = "/x", **about: str) -> int:
        """How many of so many requests pass."""
        return sum([(await self.get(path, **about)).status == 200 for _ in range(number)])


async def test_what_an_answer_says() -> None:
    house = House()
    headers = (await house.get("/search")).headers
    assert headers["ratelimit-policy"] == '"address";q=20;w=60, "requests";q=10;w=60, "search";q=4;w=60'
    assert re.fullmatch(r'"search";r=3;t=\d+', headers["ratelimit"])
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("4", "3")
    assert headers["ratelimit"].endswith(f"t={headers['x-ratelimit-reset']}")


async def test_what_a_refusal_says() -> None:
    house = House()
    assert await house.passed(5, "/search") == 4
    refused = await house.get("/search")
    assert (refused.status, refused.json["type"]) == (429, "urn:tidemill:problem:rate_limited")
    assert 57 <= int(refused.headers["retry-after"]) <= 63
    assert refused.headers["ratelimit"] == f'"search";r=0;t={refused.headers["retry-after"]}'
    assert "'search'" in refused.json["detail"]
    assert await house.passed(1, "/x") == 1
    text = house.metrics.render()[0].decode()
    counted = {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "tidemill_limited_requests_total"
    }
    assert counted == {("search",): 2.0}


@pytest.mark.parametrize(("path", "method", "most"), [("/search", "GET", 4), ("/runs", "POST", 2), ("/x", "GET", 10)])
async def test_each_kind_has_its_own_and_all_share_one(path: str, method: str, most: int) -> None:
    house = House()
    assert await house.passed(most + 3, path, method=method) == most
    assert await house.passed(20) == 10 - most


async def test_probes_are_never_counted() -> None:
    house = House()
    assert await house.passed(500, "/livez") == 500
    assert "ratelimit" not in (await house.get("/livez")).headers


async def test_logins_are_counted_by_address_whoever_tries() -> None:
    house = House()
    house.who = Caller("anonymous", Role.VIEWER, frozenset())
    assert await house.passed(10, "/token", method="POST") == 3
    assert await house.passed(10, "/token", method="POST", address="192.0.2.2") == 3


async def test_an_address_is_counted_before_anybody_is_recognised() -> None:
    house = House(app=raising(Forbidden("no")))
    answers = [(await house.get()).status for _ in range(12)]
    assert answers == [403] * 10 + [429] * 2
    house.who = ADA
    assert [(await house.get()).status for _ in range(10)] == [403] * 8 + [429] * 2
    assert "ratelimit" in (await house.get(address="192.0.2.9")).headers


async def test_a_refused_stranger_of_an_ipv6_network_cannot_move_next_door() -> None:
    house = House(replace(RATES, requests=0))
    passed = sum([await house.passed(1, address=f"2001:db8:0:1::{number:x}") for number in range(1, 60)])
    assert passed == 20
    assert await house.passed(1, address="2001:db8:0:2::1") == 1


async def test_keys_of_one_user_share_what_is_the_users() -> None:
    house = House(replace(RATES, address=0))
    house.who = replace(ADA, key_id="k1")
    assert await house.passed(20) == 10
    house.who = replace(ADA, key_id="k2")
    assert await house.passed(20) == 5
    house.who = replace(ADA, user_id="2", key_id="k3")
    assert await house.passed(20) == 10


async def test_keys_of_the_settings_are_apart() -> None:
    house = House(replace(RATES, address=0))
    house.who = caller_of("settings", Role.ADMIN)
    assert await house.passed(20, key="one") == 10
    assert await house.passed(20, key="two") == 10


async def test_no_limit_at_all() -> None:
    house = House(Rates(60.0, 0, 0, 0, 0, 0, 0, 0))
    assert await house.passed(200, "/search") == 200
    assert "ratelimit" not in (await house.get()).headers


async def test_an_hour_is_another_window() -> None:
    house = House(replace(RATES, address_per_hour=7))
    assert await house.passed(20) == 7
    assert (await house.get()).headers["ratelimit-policy"].endswith('"address-hour";q=7;w=3600')


async def test_websockets_are_counted_and_closed() -> None:
    house, sent = House(replace(RATES, address=1)), []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/x", "headers": [], "client": ("192.0.2.1", 1)}
    await house.get()
    await house.app(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "rate_limited"}]


def test_on_loopback_only_what_was_asked_for_is_strict() -> None:
    strict = rates_of(LimitsSettings(search=5), is_relaxed=False)
    assert (strict.search, strict.requests, strict.login) == (5, 600, 300)
    relaxed = rates_of(LimitsSettings(search=5), is_relaxed=True)
    assert (relaxed.search, relaxed.requests, relaxed.login) == (5, 600 * RELAXED, 300 * RELAXED)
    assert rates_of(LimitsSettings(requests=0), is_relaxed=False).requests == 0
