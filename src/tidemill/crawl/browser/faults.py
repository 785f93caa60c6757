"""Every failure of the browser as an error of the house.

What Playwright raised comes in; a `Transient` or `Permanent` with its reason goes out, or what the proxy knows better.
Called by the browser and its pages.
"""

from __future__ import annotations

from tidemill.errors import Permanent, TidemillError, Transient
from tidemill.net.badge import Badge

_CRASHED = ("crashed", "has been closed", "Connection closed", "browser has disconnected", "Target closed")
_REASONS = (
    ("ERR_CERT", "tls"),
    ("ERR_SSL", "tls"),
    ("ERR_NAME", "dns"),
    ("ERR_EMPTY_RESPONSE", "reset"),
    ("ERR_CONNECTION_RESET", "reset"),
    ("ERR_CONNECTION_CLOSED", "reset"),
    ("ERR_CONTENT_LENGTH_MISMATCH", "truncated"),
    ("ERR_INCOMPLETE_CHUNKED_ENCODING", "truncated"),
    ("ERR_TIMED_OUT", "timeout"),
    ("ERR_PROXY_CONNECTION_FAILED", "connect"),
    ("ERR_TUNNEL_CONNECTION_FAILED", "connect"),
)


def fault_of(error: Exception, url: str, badge: Badge, target: tuple[str, int]) -> TidemillError:
    """Give the error of the house for what a page raised; `target` is the host and port of its document."""
    text = " ".join(str(error).split())[:300]
    if any(sign in text for sign in _CRASHED):
        return crashed(url, text)
    if badge.exhausted:
        return Permanent(f"{url} moved more than {badge.max_bytes} bytes in the browser", reason="too_large")
    known = badge.faults.get(target)
    if known is not None:
        return known
    for sign, reason in _REASONS:
        if sign in text:
            return Transient(f"{url} in the browser: {text}", reason=reason)
    return Transient(f"{url} in the browser: {text}", reason="protocol")


def crashed(url: str, why: str) -> Transient:
    """Give the error for a page whose renderer or browser came to its end."""
    return Transient(f"{url}: the browser broke down ({why}); it is started anew", reason="browser_crashed")
