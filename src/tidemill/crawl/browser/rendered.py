"""What comes back from the browser for one page.

Made by the browser; read by the crawl, which turns it into a capture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Cookies = tuple[Mapping[str, object], ...]
"""As Chromium gives and takes them: each has a `name`, `value`, `domain` and `path`."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Somewhere else the page was sent: by the server (`status` 301 to 308), or by a script or refresh (`status` 0).

    Neither is followed. `location` is absolute.
    """

    url: str
    status: int
    location: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """One page as the browser shows it.

    `status` and `headers` (looked up in any case) are those of the document as the server sent it, and `media_type` is
    in lower case. If it was `shown`, `html` is the document after its scripts ran, free of the charset that it was sent
    in; it was not, and `html` is empty, if the server redirected, sent no body, or sent something that is not HTML (a
    PDF, a download), which is not read. `final_url` differs from `url` if a script changed the address without loading
    anything. `requests` were sent, `blocked` were not: by the rules of the browser or, with their reason in `refused`,
    by the guard. `received_bytes` is everything the page took from the network. `complete` is False if the page was
    still loading when its time was up. `screenshot` is a PNG of the viewport, or None if none was asked for or it was
    not painted in time. `cookies` are all that the page had in the end, in the form that `Browser.fetch` takes them.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    media_type: str
    html: str
    final_url: str
    redirects: tuple[Redirect, ...]
    requests: int
    blocked: int
    refused: tuple[tuple[str, str], ...]
    received_bytes: int
    elapsed_s: float
    complete: bool
    shown: bool
    screenshot: bytes | None = None
    cookies: Cookies = ()
