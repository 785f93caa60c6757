"""What one client sends besides its requests: to whom it says who it is, and through which proxies it goes.

A `Profile` is made by crawl for one source (or by deliver for one receiver) and given to a `Client`. Whatever leads to
a request, headers, cookies and passwords go to the hosts of the profile and to nobody else.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from yarl import URL

from tidemill.errors import Invalid, Permanent
from tidemill.net.hosts import authority, normal_host

_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_BAD_COOKIE = re.compile(r"[\x00-\x1f\x7f;\ud800-\udfff]")
_OUR_HEADERS = frozenset(("host", "connection", "content-length", "transfer-encoding", "te", "upgrade", "expect"))


@dataclass(frozen=True, slots=True)
class Profile:
    """Who is told what. Its values are secrets: they are in no `repr`, and belong in no message.

    `hosts` are `host` or `host:port` as `models.url.url_host` gives them, default ports left out: requests to these,
    and to no others, carry `headers`, `cookies`, and `username` with `password` (RFC 7617). Without `plain_http` they
    do so over https only. `user_agent` goes to everybody; None means the client's own.
    `proxies` are `http://user:password@host:port` or `https://…`; every request goes through one of them, chosen by
    `rotation` (see `net.rotation`). With `keep_cookies` the cookies that the hosts set are sent back to them.
    """

    hosts: frozenset[str]
    user_agent: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    proxies: tuple[str, ...] = field(default=(), repr=False)
    rotation: str = "request"
    keep_cookies: bool = False
    plain_http: bool = True

    def covers(self, url: str | URL) -> bool:
        """Tell whether a request of `url` may carry what is only for the profile's hosts. Never raises."""
        try:
            parsed = URL(url, encoded=True) if isinstance(url, str) else url
            host, port = normal_host(parsed.raw_host or ""), parsed.port
        except (ValueError, Permanent):
            return False
        if parsed.scheme != "https" and not (parsed.scheme == "http" and self.plain_http):
            return False
        return authority(host, None if port in (80, 443) else port) in self.hosts

    def headers_for(self, url: str | URL) -> dict[str, str]:
        """Give what a request of `url` must carry, `Authorization` and `Cookie` included; nothing for other hosts.

        For senders other than a `Client`, such as the browser. `user_agent` is not part of it.
        """
        if not self.covers(url):
            return {}
        sent = dict(self.headers)
        names = {name.lower() for name in sent}
        if self.cookies and "cookie" not in names:
            sent["Cookie"] = cookie_header(self.cookies)
        if (self.username or self.password) and "authorization" not in names:
            sent["Authorization"] = basic(self.username or "", self.password or "")
        return sent

    def check(self) -> None:
        """Pass if all of it can be sent. Raises `Invalid` (`bad_header`), which names no value."""
        check_headers({**self.headers, **({} if self.user_agent is None else {"User-Agent": self.user_agent})})
        for name, value in self.cookies.items():
            if not _TOKEN.match(name) or _BAD_COOKIE.search(value):
                raise Invalid(
                    f"cookie {name!r} cannot be sent: its name is no token, or its value has a semicolon or control "
                    "characters",
                    reason="bad_header",
                )
        if ":" in (self.username or "") or any(map(_BAD_VALUE.search, (self.username or "", self.password or ""))):
            raise Invalid(
                "the user name holds a colon, or it or the password control characters, which basic authentication "
                "cannot send",
                reason="bad_header",
            )


def check_headers(headers: Mapping[str, str]) -> None:
    """Pass if these request headers can be sent and are the caller's to set. Raises `Invalid` (`bad_header`)."""
    for name, value in headers.items():
        if name.lower() in _OUR_HEADERS or not _TOKEN.match(name) or _BAD_VALUE.search(value):
            raise Invalid(
                f"request header {name!r} is the client's to set, is no header name, or has control characters in it",
                reason="bad_header",
            )


def cookie_header(cookies: Mapping[str, str]) -> str:
    """Write cookies as the value of one `Cookie` header."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def read_cookies(header: str) -> dict[str, str]:
    """Give the cookies in the value of a `Cookie` header."""
    pairs = (part.partition("=") for part in header.split(";") if "=" in part)
    return {name.strip(): value.strip() for name, _, value in pairs}


def basic(username: str, password: str) -> str:
    """Write a user name and a password as the value of an `Authorization` header (RFC 7617)."""
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode('ascii')}"
