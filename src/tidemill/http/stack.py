"""The layers around an application, in their order. Each is pure ASGI: one BaseHTTPMiddleware costs more than all."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp

from tidemill.app import App
from tidemill.http.access import Access
from tidemill.http.auth import Authentication
from tidemill.http.body_limit import BodyLimit
from tidemill.http.denials import Denials, DeniedAtTheDoor
from tidemill.http.errors import Errors
from tidemill.http.headers import SecurityHeaders
from tidemill.http.hosts import Hosts, is_loopback
from tidemill.http.idempotency import Idempotency
from tidemill.http.keyring import Keyring
from tidemill.http.load import Load
from tidemill.http.metrics import RequestMetrics
from tidemill.http.own_writes import ReadYourWrites
from tidemill.http.request_id import RequestId
from tidemill.models.account import Role


def surround(
    application: ASGIApp,
    app: App,
    *,
    bound_host: str,
    access: Access,
    is_free: Callable[[str], bool],
    is_kept: Callable[[str], bool],
) -> ASGIApp:
    """`application` behind request id → errors → metrics → security headers → hosts → load → body limit →
    authentication → read-your-writes → idempotency.

    `bound_host` is the address that will be listened on: loopback needs no key, but answers to its own names only.
    `access` says what each route needs, `is_free(path)` which are answered however much is asked,
    `is_kept(path)` whose answers may be kept for an `Idempotency-Key`.
    """
    denials = Denials(app.audit_writer)
    local = app.settings.auth.loopback_role
    layered: ASGIApp = Authentication(
        ReadYourWrites(Idempotency(application, app.store, is_kept), app.replicas),
        Keyring(app.store, app.settings.api.keys, app.logins),
        access,
        denials,
        loopback_role=Role(local) if local != "none" and is_loopback(bound_host) else None,
    )
    layered = BodyLimit(layered, app.settings.api.max_request_bytes)
    layered = Load(layered, app.settings.api.max_in_flight, app.settings.api.timeout_s, is_free)
    layered = DeniedAtTheDoor(Hosts(layered, bound_host), denials)
    layered = SecurityHeaders(layered)
    layered = RequestMetrics(layered, app.metrics)
    return RequestId(Errors(layered))
