"""One page as the site holds it: its truth, and how its bytes are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.site.expected import Expected

HTML = "text/html; charset=utf-8"

Body = Callable[[str], str | bytes]
"""Makes the body from the site's base URL (`http://127.0.0.1:8765`); text is sent as UTF-8."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is served at one path.

    `first_statuses` are answered, one a request, before the page is. `behaviour` names what the server does instead
    of sending the body (see `misbehave`). `encoding` is a Content-Encoding that the body already has.
    """

    expected: Expected
    body: Body
    media_type: str = HTML
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    first_statuses: tuple[int, ...] = ()
    behaviour: str = ""
    delay_s: float = 0.0
    validators: bool = True
    may_gzip: bool = True

    @property
    def path(self) -> str:
        """Its place on the site, and its key."""
        return self.expected.path
