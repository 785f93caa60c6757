"""Keeping the cookies that a site sets, for the life of one client.

`Set-Cookie` headers and the URL they came from go in; the cookies to send with a request come out, by the rules of RFC
6265 about domain, path, `Secure` and age. Called by the client for the hosts of its profile only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiohttp import CookieJar
from yarl import URL

MOST_COOKIES = 100
LARGEST_COOKIE_BYTES = 4096
_NAMED = re.compile(r"[ \t]*[!#-+\--:<-\[\]-~]+[ \t]*=")
# What most servers write to delete a cookie. aiohttp 3.14 takes second 0 for no date at all, and keeps the cookie.
_EPOCH = re.compile(r"(\b0?1[ -]Jan[ -](?:19)?70 00:00:0)0\b", re.IGNORECASE)


class CookieKeeper:
    """At most `MOST_COOKIES` for each domain, none above `LARGEST_COOKIE_BYTES`; the oldest make room for new ones."""

    def __init__(self) -> None:
        # Values go back as they came: quoting them again would break tokens with a "=" in them. Addresses as hosts
        # have cookies too, as in browsers.
        self._jar = CookieJar(unsafe=True, quote_cookie=False)

    def __len__(self) -> int:
        return len(self._jar)

    def keep(self, lines: Sequence[str], url: URL) -> None:
        """Take over what an answer to `url` set."""
        fit = [line for line in lines if len(line.encode("utf-8", "replace")) <= LARGEST_COOKIE_BYTES]
        # The jar would write a warning for each cookie without a proper name.
        named = [_EPOCH.sub(r"\g<1>1", line) for line in fit if _NAMED.match(line)]
        self._jar.update_cookies_from_headers(named, url)
        self._make_room(url.raw_host or "")

    def cookies_for(self, url: URL) -> dict[str, str]:
        """Give the cookies to send with a request of `url`."""
        return {name: cookie.value for name, cookie in self._jar.filter_cookies(url).items()}

    def _make_room(self, host: str) -> None:
        """Count each domain that `host` can set cookies for: its own and those above it."""
        if len(self._jar) <= MOST_COOKIES:
            return
        by_domain: dict[str, list[int]] = {}
        for cookie in self._jar:
            domain = cookie["domain"]
            if host == domain or host.endswith(f".{domain}"):
                by_domain.setdefault(domain, []).append(id(cookie))
        surplus = {each for cookies in by_domain.values() for each in cookies[:-MOST_COOKIES]}
        if surplus:
            self._jar.clear(lambda cookie: id(cookie) in surplus)
