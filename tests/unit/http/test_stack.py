"""The layers stand in the order that their work needs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from tests.unit.http.asgi import hello

from tidemill.app import App
from tidemill.http.access import Access
from tidemill.http.answer_cache import Source
from tidemill.http.stack import surround
from tidemill.limits.memory import MemoryCache, MemoryLimiter
from tidemill.settings import Settings
from tidemill.telemetry.metrics import Metrics

ORDER = [
    "RequestId",
    "Errors",
    "RequestMetrics",
    "Cors",
    "Compression",
    "SecurityHeaders",
    "ClientAddress",
    "DeniedAtTheDoor",
    "Hosts",
    "RateLimits",
    "Load",
    "BodyLimit",
    "Authentication",
    "RateLimits",
    "AnswerCaching",
    "ReadYourWrites",
    "Idempotency",
]


def test_order(settings: Settings) -> None:
    """Errors see whatever is raised, CORS and metrics what is refused; who is recognised has been counted."""
    app = SimpleNamespace(
        settings=settings,
        limits=SimpleNamespace(limiter=MemoryLimiter(), cache=MemoryCache(1000)),
        metrics=Metrics(),
        replicas=SimpleNamespace(most_lag_s=1.0, are_any=False),
        store=None,
        logins=None,
        audit_writer=None,
    )
    layer: Any = surround(
        hello,
        cast(App, app),
        bound_host="127.0.0.1",
        access=Access([], {}),
        is_free=lambda _: False,
        is_kept=lambda _: False,
        classes={},
        kept=cast(Source, None),
    )
    found = []
    while layer is not hello:
        found.append(type(layer).__name__)
        layer = layer._app
    assert found == ORDER
