"""Security headers."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send
from tests.unit.http.asgi import ask, hello, scope_of

from tidemill.http.headers import DOCS_CSP, STRICT_CSP, SecurityHeaders


async def test_every_answer_has_them() -> None:
    headers = (await ask(SecurityHeaders(hello))).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"] == STRICT_CSP
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "x-xss-protection" not in headers
    assert "strict-transport-security" not in headers


async def test_hsts_only_over_tls() -> None:
    headers = (await ask(SecurityHeaders(hello), scope_of(scheme="https"))).headers
    assert "strict-transport-security" in headers


async def test_a_route_has_the_last_word() -> None:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        own = [(b"content-security-policy", DOCS_CSP.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": own})
        await send({"type": "http.response.body", "body": b""})

    assert (await ask(SecurityHeaders(page))).headers["content-security-policy"] == DOCS_CSP


def test_no_policy_lets_anything_foreign_or_inline_in() -> None:
    for policy in (STRICT_CSP, DOCS_CSP):
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
