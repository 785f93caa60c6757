"""Requests are counted under the template of their route and the status that the caller gets."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from starlette.types import Receive, Scope, Send
from tests.unit.http.asgi import ask, hello, raising, scope_of

from tidemill.errors import NotFound
from tidemill.http.errors import Errors
from tidemill.http.metrics import RequestMetrics
from tidemill.http.scopes import state
from tidemill.telemetry.metrics import Metrics


async def routed(scope: Scope, receive: Receive, send: Send) -> None:
    scope["route"] = SimpleNamespace(path="/things/{id}")
    await hello(scope, receive, send)


def counted(metrics: Metrics) -> list[dict[str, str]]:
    family = next(each for each in metrics.registry.collect() if each.name == "tidemill_http_requests")
    return [sample.labels for sample in family.samples if sample.value]


async def test_the_label_is_the_template() -> None:
    metrics = Metrics()
    for number in range(3):
        await ask(RequestMetrics(routed, metrics), scope_of(path=f"/things/{number}"))
    assert counted(metrics) == [{"method": "GET", "route": "/things/{id}", "status": "200"}]


async def test_what_no_route_answers() -> None:
    metrics = Metrics()
    await ask(Errors(RequestMetrics(raising(NotFound("no")), metrics)), scope_of("BREW", "/x" * 50))
    assert counted(metrics) == [{"method": "OTHER", "route": "unmatched", "status": "404"}]


async def test_a_client_that_left() -> None:
    metrics = Metrics()
    with pytest.raises(asyncio.CancelledError):
        await ask(RequestMetrics(raising(asyncio.CancelledError()), metrics))
    assert [labels["status"] for labels in counted(metrics)] == ["499"]


@pytest.mark.thorough
async def test_a_stream_counts_for_as_long_as_its_beginning_took() -> None:
    metrics = Metrics()

    async def listened(scope: Scope, receive: Receive, send: Send) -> None:
        state(scope)["is_stream"] = True
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.3)
        await send({"type": "http.response.body", "body": b""})

    await ask(RequestMetrics(listened, metrics))
    samples = (sample for family in metrics.registry.collect() for sample in family.samples)
    (seconds,) = [each.value for each in samples if each.name == "tidemill_http_request_duration_seconds_sum"]
    assert seconds < 0.2
