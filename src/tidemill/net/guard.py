"""Which URLs may be requested at all.

A URL comes in; the URL to request, with its host in one spelling, goes out, or an error. Called by the client before
anything else; the addresses behind names are checked by the resolver.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from yarl import URL

from tidemill.errors import Forbidden, Invalid, Permanent
from tidemill.net.address import REMEDY, check_address
from tidemill.net.hosts import authority, is_address, is_local_name, normal_host
from tidemill.settings import NetSettings

_CONTROL_OR_SPACE = re.compile(r"[\x00-\x20\x7f-\xa0]")
_USERINFO = re.compile(r"//[^/?#]*@")
_ASCII = "".join(map(chr, range(0x21, 0x7F)))
_REMEMBERED = 4096
_SHOWN = 200


class Guard:
    """The rules of `NetSettings` about where requests may go.

    `allow_hosts` are exempt from the rules about addresses and ports, and from nothing else. Raises `Invalid` when
    one of them is not `host:port`.
    """

    def __init__(self, settings: NetSettings) -> None:
        self._ports = frozenset(settings.allowed_ports)
        self._exempt = frozenset(_host_and_port(pair) for pair in settings.allow_hosts)
        self._passed: dict[tuple[str, str, bool], str] = {}

    def is_exempt(self, host: str, port: int) -> bool:
        """Tell whether `net.allow_hosts` names this host (out of `normal_host`) with this port."""
        return (host, port) in self._exempt

    def check_url(self, url: str, *, private: bool) -> URL:
        """Give the URL to request; `private` allows every address.

        Only the host's spelling and characters beyond ASCII are changed, the rest is requested as it was given.
        Raises `Permanent` (`bad_url`) or `Forbidden` (`scheme_not_allowed`, `port_not_allowed`, `private_address`).
        """
        parsed = _parse(url)
        key = (parsed.scheme, parsed.raw_authority, private)
        passed = self._passed.get(key)
        if passed is None:
            passed = self._check_authority(parsed, private)
            if len(self._passed) >= _REMEMBERED:
                self._passed.clear()
            self._passed[key] = passed
        if passed == parsed.raw_authority and url.isascii():
            return parsed
        return _rewrite(parsed, passed)

    def _check_authority(self, url: URL, private: bool) -> str:
        if url.scheme not in ("http", "https"):
            raise _refused(url, "scheme_not_allowed", f"scheme {url.scheme!r} is not http or https")
        if "@" in url.raw_authority:
            raise _bad(str(url), "it carries a user name or password, which are never sent; take them out")
        if not url.raw_host or not url.port:
            raise _bad(str(url), "it names no host, or port 0")
        if "[" in url.raw_authority and ":" not in url.raw_host:
            raise _bad(str(url), "what stands in its brackets is not an IPv6 address")
        host, port = normal_host(url.raw_host), url.port
        if not self.is_exempt(host, port):
            if self._ports and port not in self._ports:
                raise _refused(url, "port_not_allowed", f"port {port} is not in net.allowed_ports")
            if not private and is_local_name(host):
                raise _refused(url, "private_address", f"{host} is this machine; {REMEDY}")
            if not private and is_address(host):
                check_address(host)
        return authority(host, url.explicit_port)


def _parse(url: str) -> URL:
    if _CONTROL_OR_SPACE.search(url):
        raise _bad(url, "it contains spaces or control characters; percent-encode them")
    try:
        parsed = URL(url, encoded=True)
        parsed.port  # noqa: B018  (parses host and port, and raises ValueError if they cannot be)
    except ValueError as error:
        raise _bad(url, str(error)) from error
    if not parsed.scheme:
        raise _bad(url, "it is not absolute")
    return parsed


def _rewrite(url: URL, passed: str) -> URL:
    try:
        path, query = quote(url.raw_path, safe=_ASCII), quote(url.raw_query_string, safe=_ASCII)
    except UnicodeEncodeError as error:
        raise _bad(str(url), "it contains lone surrogates") from error
    return URL.build(scheme=url.scheme, authority=passed, path=path, query_string=query, encoded=True)


def _host_and_port(pair: str) -> tuple[str, int]:
    try:
        parsed = URL(f"http://{pair}", encoded=True)
        host, port = parsed.raw_host, parsed.explicit_port
    except ValueError:
        host = port = None
    if not host or not port or "@" in pair or "/" in pair:
        raise Invalid(f"net.allow_hosts: {pair!r} is not `host:port`, for example `localhost:8080`")
    return normal_host(host), port


def _shown(url: str) -> str:
    return ascii(_USERINFO.sub("//…@", url)[:_SHOWN])


def _bad(url: str, why: str) -> Permanent:
    return Permanent(f"URL {_shown(url)} cannot be requested: {why}", reason="bad_url")


def _refused(url: URL, reason: str, why: str) -> Forbidden:
    return Forbidden(f"URL {_shown(str(url))} is refused: {why}", reason=reason)
