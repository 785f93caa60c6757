"""The layers around an application, in their order. Each is pure ASGI: one BaseHTTPMiddleware costs more than all."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp

from tidemill.app import App
from tidemill.http.auth import Authentication, Keyring
from tidemill.http.body_limit import BodyLimit
from tidemill.http.errors import Errors
from tidemill.http.headers import SecurityHeaders
from tidemill.http.hosts import Hosts, is_loopback
from tidemill.http.metrics import RequestMetrics
from tidemill.http.own_writes import ReadYourWrites
from tidemill.http.request_id import RequestId


def surround(application: ASGIApp, app: App, *, bound_host: str, is_open: Callable[[str], bool]) -> ASGIApp:
    """`application` behind request id → errors → metrics → security headers → hosts → body limit → authentication →
    read-your-writes.

    `bound_host` is the address that will be listened on: loopback needs no key, but answers to its own names only.
    `is_open(path)` says which paths need no key anywhere.
    """
    keyring = Keyring(app.store, app.settings.api.keys)
    layered: ASGIApp = ReadYourWrites(application, app.replicas)
    layered = Authentication(layered, keyring, is_open=is_open, trusts_loopback=is_loopback(bound_host))
    layered = BodyLimit(layered, app.settings.api.max_request_bytes)
    layered = Hosts(layered, bound_host)
    layered = SecurityHeaders(layered)
    layered = RequestMetrics(layered, app.metrics)
    return RequestId(Errors(layered))
