"""The one door to the HTML parser: text or bytes in, a lexbor tree out, hostile markup refused.

Called by the crawl stage (links) and the process stage (extraction).
"""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser

from tidemill.markup.charset import decode
from tidemill.markup.guard import check

__all__ = ["LexborHTMLParser", "parse_html"]


def parse_html(markup: str | bytes, content_type: str = "") -> LexborHTMLParser:
    """The tree of a page. Bytes are decoded first, by `content_type` (the header as received) and what they say.

    Raises `Permanent` (`nesting_too_deep`, `too_many_attributes`, `too_large`) rather than hang; see `guard`.
    """
    text = decode(markup, content_type)[0] if isinstance(markup, bytes) else markup
    check(text)
    return LexborHTMLParser(text)
