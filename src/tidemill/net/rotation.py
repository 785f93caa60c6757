"""Which proxy a request goes through, and what is wrong if it does not get there.

The proxy URLs of a profile come in; a `Proxy` for each request goes out, and errors of aiohttp that are the proxy's
fault as errors of the house. Called by the client. This is not `net.proxy`, which is a proxy itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import aiohttp
from yarl import URL

from tidemill.errors import Invalid, Permanent, TidemillError, Transient
from tidemill.net.hosts import normal_host
from tidemill.net.profile import basic

ROTATIONS = ("request", "host")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy. `url` is without its password, which is only in `authorization`."""

    url: URL
    authorization: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"proxy {self.url.scheme}://{self.url.raw_authority}"

    def headers_for(self, scheme: str) -> tuple[dict[str, str], dict[str, str]]:
        """Give the headers for the proxy that go with the request itself, and with the request for a tunnel."""
        own = {} if self.authorization is None else {"Proxy-Authorization": self.authorization}
        return ({}, own) if scheme == "https" else (own, {})


class Rotation:
    """Hands out proxies: `request` gives the next one each time, `host` always the same one for a host.

    Raises `Invalid` (`bad_proxy`) if one of `urls` is no proxy's.
    """

    def __init__(self, urls: Sequence[str], rotation: str) -> None:
        if rotation not in ROTATIONS:
            raise Invalid(f"proxy rotation {rotation!r} is none of {', '.join(ROTATIONS)}", reason="bad_proxy")
        self._proxies = tuple(map(parse_proxy, urls))
        self._by_host = rotation == "host"
        self._next = 0

    @property
    def moves_on(self) -> bool:
        """Whether the same URL gets another proxy the next time."""
        return len(self._proxies) > 1 and not self._by_host

    def choose(self, host: str) -> Proxy | None:
        """Give the proxy for a request to `host`; None if there are no proxies."""
        if not self._proxies:
            return None
        if self._by_host:  # the largest hash wins: a proxy more or less moves only the hosts that it has or had
            return max(self._proxies, key=lambda proxy: sha256(f"{proxy.url} {host}".encode()).digest())
        proxy = self._proxies[self._next]
        self._next = (self._next + 1) % len(self._proxies)
        return proxy

    def fault(self, error: Exception, proxy: Proxy) -> TidemillError | None:
        """Give the error of the house if `proxy` is at fault; None if the server behind it is."""
        if isinstance(error, aiohttp.ClientHttpProxyError):
            if error.status == 407:
                return self.unauthorised(proxy)
            return Transient(f"{proxy} opened no tunnel (it answered {error.status})", reason="proxy")
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return Transient(f"{proxy}: no connection through it in time (net.connect_timeout_s)", reason="proxy")
        its_own = (proxy.url.raw_host, proxy.url.port)
        if isinstance(error, aiohttp.ClientProxyConnectionError) or (
            isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientConnectorCertificateError)
            and (error.host, error.port) == its_own
        ):
            return Transient(f"{proxy}: no connection ({_cause(error)}); is it running?", reason="proxy")
        return None

    def unauthorised(self, proxy: Proxy) -> TidemillError:
        """Give the error for a proxy that wants other credentials: final, unless the next try goes to another one."""
        kind = Transient if self.moves_on else Permanent
        return kind(
            f"{proxy} refused the user name or password (407); correct them in request.proxies", reason="proxy_auth"
        )


def parse_proxy(text: str) -> Proxy:
    """Read the URL of a proxy. Raises `Invalid` (`bad_proxy`), without its user name and password."""
    try:
        url = URL(text)
        user, password, port = url.user, url.password, url.port
        normal_host(url.raw_host or "")
    except (ValueError, Permanent):
        raise _bad("it is no URL") from None  # the cause would quote it
    if url.scheme not in ("http", "https"):
        raise _bad("its scheme is not http or https")
    if not url.raw_host or not port:
        raise _bad("it names no host")
    if url.raw_path not in ("", "/") or url.raw_query_string or url.raw_fragment:
        raise _bad("it has a path; a password with / ? # @ or : must be percent-encoded")
    if any(character < " " for character in f"{user}{password}"):
        raise _bad("it has control characters")
    authorization = None if user is None and password is None else basic(user or "", password or "")
    return Proxy(url.origin(), authorization)


def _cause(error: Exception) -> str:
    return str(error.os_error if isinstance(error, aiohttp.ClientConnectorError) else type(error).__name__)


def _bad(why: str) -> Invalid:
    return Invalid(f"a proxy cannot be used: {why}; write it like http://user:password@host:port", reason="bad_proxy")
