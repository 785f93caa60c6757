"""The probes and metrics of a role that serves nothing else, on a port of their own: for orchestrators and monitors.

In: an open `App`. Out: /livez, /readyz, /startupz, /health and /metrics until `stop` is set. Called by the command
line. The port is not for the public: it asks nobody for a key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import FastAPI

from tidemill.api.routes import probes
from tidemill.app import App
from tidemill.http.server import serve_application

_DRAIN_S = 1.0


async def serve_probes(app: App, stop: asyncio.Event, *, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve until `stop` is set. Raises `Conflict` or `Invalid` if the address cannot be listened on."""
    api = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    api.include_router(probes.routes(app))
    await serve_application(
        api,
        stop,
        host=host,
        port=port,
        on_ready=on_ready,
        on_stop=app.health.mark_draining,
        drain_s=_DRAIN_S,
    )
