"""The probes and metrics of a role that serves nothing else, on a port of their own: for orchestrators and monitors.

In: an open `App`. Out: the application of /livez, /readyz, /startupz, /health and /metrics. Called by the command line.
The port is not for the public: it asks nobody for a key.
"""

from __future__ import annotations

from fastapi import FastAPI

from tidemill.api.routes import probes
from tidemill.app import App


def create_probes(app: App) -> FastAPI:
    """The probes and metrics alone."""
    api = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    api.include_router(probes.routes(app))
    return api
