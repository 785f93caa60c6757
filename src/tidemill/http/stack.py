"""The layers around an application, in their order. Each is pure ASGI: one BaseHTTPMiddleware costs more than all."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.types import ASGIApp

from tidemill.app import App
from tidemill.http.access import Access
from tidemill.http.answer_cache import AnswerCaching, Source
from tidemill.http.auth import Authentication
from tidemill.http.body_limit import BodyLimit
from tidemill.http.client_address import ClientAddress
from tidemill.http.compression import Compression
from tidemill.http.cors import Cors
from tidemill.http.denials import Denials, DeniedAtTheDoor
from tidemill.http.errors import Errors
from tidemill.http.headers import SecurityHeaders
from tidemill.http.hosts import Hosts, is_loopback
from tidemill.http.idempotency import Idempotency
from tidemill.http.keyring import Keyring
from tidemill.http.load import Load
from tidemill.http.metrics import RequestMetrics
from tidemill.http.own_writes import ReadYourWrites
from tidemill.http.rate_limits import Classes, RateLimits, Rates, RouteClass, by_address, by_caller, rates_of
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
    classes: Mapping[str, RouteClass],
    kept: Source,
) -> ASGIApp:
    """`application` behind request id → errors → metrics → CORS → compression → security headers → client address →
    hosts → limits by address → load → body limit → authentication → limits by caller → kept answers →
    read-your-writes → idempotency.

    `bound_host` is the address that will be listened on: loopback needs no key, but answers to its own names only.
    `access` says what each route needs, `classes` what it costs, `is_free(path)` which are answered however much is
    asked, `is_kept(path)` whose answers may be kept for an `Idempotency-Key`, `kept` which are given again.
    """
    http, denials = app.settings.http, Denials(app.audit_writer)
    layered: ASGIApp = Idempotency(application, app.store, is_kept)
    layered = _recognised(layered, app, bound_host, access, denials, classes, kept)
    layered = BodyLimit(layered, app.settings.api.max_request_bytes)
    layered = Load(layered, app.settings.api.max_in_flight, app.settings.api.timeout_s, is_free)
    layered = RateLimits(
        layered, app.limits.limiter, Classes(access, classes), by_address(_rates(app, bound_host)), app.metrics
    )
    layered = DeniedAtTheDoor(Hosts(layered, bound_host, http.hosts, http.cors_origins, is_free), denials)
    layered = ClientAddress(layered, http.trusted_proxies, http.forwarded_header)
    layered = SecurityHeaders(layered)
    layered = Compression(layered, http.compress_min_bytes, http.compression_level)
    layered = Cors(layered, http.cors_origins)
    layered = RequestMetrics(layered, app.metrics)
    return RequestId(Errors(layered))


def _recognised(
    application: ASGIApp,
    app: App,
    bound_host: str,
    access: Access,
    denials: Denials,
    classes: Mapping[str, RouteClass],
    kept: Source,
) -> ASGIApp:
    """Authentication with what stands behind it."""
    local = app.settings.auth.loopback_role
    layered: ASGIApp = ReadYourWrites(application, app.replicas)
    layered = AnswerCaching(layered, app.limits.cache, kept, app.settings.search.cache_ttl_s, app.metrics)
    layered = RateLimits(
        layered, app.limits.limiter, Classes(access, classes), by_caller(_rates(app, bound_host)), app.metrics
    )
    return Authentication(
        layered,
        Keyring(app.store, app.settings.api.keys, app.logins),
        access,
        denials,
        loopback_role=Role(local) if local != "none" and is_loopback(bound_host) else None,
    )


def _rates(app: App, bound_host: str) -> Rates:
    """On loopback, unless proxies bring strangers there, who asks is the one who pays for it."""
    is_alone = is_loopback(bound_host) and not app.settings.http.trusted_proxies
    return rates_of(app.settings.limits, is_relaxed=is_alone)
