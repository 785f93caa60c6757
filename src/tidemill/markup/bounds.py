"""How much may stand in one body of XML or JSON: a parser needs up to a hundred times the memory of what it reads.

Comes in: a body before it is parsed; goes out: nothing, or `Permanent`. Called by the readers of XML and JSON.
"""

from __future__ import annotations

from tidemill.errors import Permanent

MOST_TAGS = 5_000_000
"""Of XML: a sitemap of a million pages has four each."""

MOST_STRAY_AMPERSANDS = 1_000_000
MOST_CONTAINERS = 2_000_000
"""Objects and lists of JSON."""

_ENTITIES = (b"&amp;", b"&lt;", b"&gt;", b"&quot;", b"&apos;", b"&#")


def check_xml(body: bytes) -> None:
    """Pass if a parser can take it. Raises `Permanent` (reason `too_large`)."""
    _check(body.count(b"<"), MOST_TAGS, "tags")
    strays = body.count(b"&")
    if strays > MOST_STRAY_AMPERSANDS:
        _check(strays - sum(map(body.count, _ENTITIES)), MOST_STRAY_AMPERSANDS, "ampersands that nobody escaped")


def check_json(body: bytes) -> None:
    """Pass if a parser can take it. Raises `Permanent` (reason `too_large`)."""
    _check(body.count(b"{") + body.count(b"["), MOST_CONTAINERS, "objects and lists")


def _check(found: int, most: int, what: str) -> None:
    if found > most:
        raise Permanent(f"the body has {found} {what}, more than {most}; split it", reason="too_large")
