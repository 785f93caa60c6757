"""Where answers come from: the network, a browser, a folder of this machine, or an archive that is replayed.

In: a URL. Out: a `Response`, or an error whose class says what becomes of the visit. The fetcher asks one of them for
each visit and treats all answers alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tidemill.crawl.discover.listing import Listing
from tidemill.net import Response
from tidemill.net.client import Want


class Transport(Protocol):
    """One way to answer a request. Redirects are reported, never followed."""

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        want: Want | None = None,
        allow_private: bool | None = None,
    ) -> Response:
        """Answer a GET of `url`; see `net.Client.get`, whose errors are the ones to raise."""
        ...


class Local(Transport, Protocol):
    """Answers out of this machine's files. Neither robots.txt nor politeness applies to it."""

    def answers(self, url: str) -> bool:
        """Whether this URL is answered here and not by the network."""
        ...

    async def listing(self, url: str) -> Listing:
        """What the listing at a file URL holds. Raises `Permanent`."""
        ...
