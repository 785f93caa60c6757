"""What a client adds to its requests: the profile's headers, and the cookies that were set meanwhile.

A URL and the headers of one call come in; the headers to send go out. Called by the client.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import ClientResponse
from multidict import CIMultiDict
from yarl import URL

from tidemill.net.cookies import CookieKeeper
from tidemill.net.profile import Profile, cookie_header, read_cookies


class Identity:
    """A profile in use, with its cookies. Raises `Invalid` (`bad_header`) for one that cannot be sent."""

    def __init__(self, profile: Profile) -> None:
        profile.check()
        self._profile = profile
        self._cookies: CookieKeeper | None = None

    def headers(self, url: str | URL, own: Mapping[str, str] | None = None) -> CIMultiDict[str]:
        """Give the headers of a request of `url`; `own` are the call's, which win."""
        profile = self._profile
        sent = CIMultiDict(profile.headers_for(url))
        if self._cookies is not None and profile.covers(url):
            kept = self._cookies.cookies_for(URL(url, encoded=True) if isinstance(url, str) else url)
            if kept:  # what the site has set since is newer than what the profile knows
                sent["Cookie"] = cookie_header({**read_cookies(sent.get("Cookie", "")), **kept})
        if own:
            sent.update(own)
        return sent

    def remember(self, answer: ClientResponse) -> None:
        """Keep the cookies that an answer set, if the profile wants that and they come from one of its hosts."""
        if not self._profile.keep_cookies:
            return
        lines = answer.headers.getall("Set-Cookie", ())
        if lines and self._profile.covers(answer.url):
            if self._cookies is None:  # it can only be made while an event loop runs
                self._cookies = CookieKeeper()
            self._cookies.keep(list(lines), answer.url)
