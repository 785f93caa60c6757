"""Where answers come from: the network, a browser, a folder of this machine, or an archive that is replayed.

In: a URL. Out: a `Response`, or an error whose class says what becomes of the visit. The fetcher asks one of them for
each visit and treats all answers alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

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
