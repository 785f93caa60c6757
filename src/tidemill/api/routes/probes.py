"""Probes for orchestrators and monitors: live, ready, started, all checks, and the metrics."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from tidemill import __version__
from tidemill.api.openapi import Responses, problems
from tidemill.api.respond import answer
from tidemill.api.schemas.service import HealthAnswer, brief_body, full_body
from tidemill.app import App
from tidemill.telemetry.health import Health, Report

_LIVE = ("/livez", "/health/live", "/health/liveness", "/liveness")
_READY = ("/readyz", "/health/ready", "/health/readiness", "/readiness")
_STARTED = ("/startupz", "/health/startup")
OPEN_PROBES = frozenset({*_LIVE, *_READY, *_STARTED})
"""The paths that anyone may ask: they say whether the process works, and nothing of what it depends on."""

REPORTS = ("/health", "/health/detailed", "/status")
"""The paths of the full report; the specification has all three."""

_TEXT = {"text/plain": {"schema": {"type": "string"}}}
_METRICS: Responses = {200: {"description": "Prometheus text format", "content": _TEXT}}


def routes(app: App) -> APIRouter:
    """/livez, /readyz, /startupz and their other names, /health and /metrics."""
    router = APIRouter(tags=["service"])

    async def livez() -> Response:
        """Whether the process turns; if not, restart it."""
        return _brief(await app.health.livez())

    async def readyz() -> Response:
        """Whether the process can work; if not, send it no requests."""
        return _brief(await app.health.readyz())

    async def startupz() -> Response:
        """Whether the process has started."""
        return _brief(await app.health.startupz())

    async def health() -> Response:
        """Every check with what it found."""
        report = await app.health.report()
        return answer(full_body(report, __version__), 200 if report.is_ok else 503)

    async def metrics() -> Response:
        """Metrics of the process and of the store, for Prometheus."""
        await app.metrics.refresh()
        text, media_type = app.metrics.render()
        return Response(text, headers={"content-type": media_type})

    failing: Responses = {503: {"model": HealthAnswer, "description": "Failing"}}
    for paths, endpoint in ((_LIVE, livez), (_READY, readyz), (_STARTED, startupz), (REPORTS, health)):
        responses = failing if paths[0] != "/health" else problems() | failing
        router.add_api_route(paths[0], endpoint, response_model=HealthAnswer, responses=responses)
        for path in paths:
            router.add_api_route(path, endpoint, methods=["GET", "HEAD"], include_in_schema=False)
    router.add_api_route("/metrics", metrics, response_class=Response, responses=problems() | _METRICS)
    return router


async def early_answer(health: Health, path: str) -> Response | None:
    """The answer of a probe while there is nothing yet to be ready with; `None` if `path` is none of them."""
    if path in _LIVE:
        return _brief(await health.livez())
    if path in _READY:
        return _brief(await health.readyz())
    return _brief(await health.startupz()) if path in _STARTED else None


def _brief(report: Report) -> Response:
    return answer(brief_body(report), 200 if report.is_ok else 503)
