"""HTML of strangers made safe to show: what runs something, loads something or changes the page around it is gone.

Comes in: a piece of HTML; goes out: the same with the tags and attributes of the list below. Called by the selectors
(fields of type `html`) and by the step `clean`.
"""

from __future__ import annotations

import html
from functools import cache

import nh3

from tidemill.errors import Permanent
from tidemill.markup import guard
from tidemill.markup.characters import normalize

SCHEMES = frozenset(("http", "https", "mailto", "tel", "ftp"))
"""Schemes that a link may have; whatever has none is relative."""

_SHOWN = (
    "a abbr address article aside b bdi blockquote br caption cite code col colgroup dd del details dfn div dl dt em "
    "figcaption figure footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark ol p pre q rp rt ruby s samp "
    "section small span strong sub summary sup table tbody td tfoot th thead time tr u ul var wbr"
)
_HIDDEN = "script style template noscript iframe object embed applet svg math title head textarea select option"
_ATTRIBUTES = {
    "*": frozenset(("title", "lang", "dir")),
    "a": frozenset(("href",)),
    "img": frozenset(("src", "alt", "width", "height")),
    "time": frozenset(("datetime",)),
    "ol": frozenset(("start", "reversed", "type")),
    "li": frozenset(("value",)),
    "td": frozenset(("colspan", "rowspan")),
    "th": frozenset(("colspan", "rowspan", "scope")),
    "col": frozenset(("span",)),
    "colgroup": frozenset(("span",)),
    "details": frozenset(("open",)),
    "q": frozenset(("cite",)),
    "blockquote": frozenset(("cite",)),
}
_MOST_ROUNDS = 5


def safe_html(text: str) -> str:
    """`text` without scripts, handlers, styles, frames, forms and links that run something; well-formed; idempotent.

    Relative links stay as they are. Markup on which parsers take quadratic time (see `guard`) comes out as plain text.
    """
    for _ in range(_MOST_ROUNDS):
        text = normalize(text)
        if "<" not in text and ">" not in text and "&" not in text:
            return text
        if (safe := _cleaned(text)) is None:
            break
        if normalize(safe) == safe:
            return safe
        # A character reference stood for a control character. Without it `java&#1;script:` would be a scheme again.
        text = safe
    return html.escape(normalize(text), quote=False).replace("\xa0", "&nbsp;")


def _cleaned(text: str) -> str | None:
    """`None` if a parser would take too long for it, or for what comes out of it (closed tags are more tags)."""
    try:
        guard.check(text)
        safe = _cleaner().clean(text)
        guard.check(safe)
    except Permanent:
        return None
    return safe


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(_SHOWN.split()),
        clean_content_tags=set(_HIDDEN.split()),
        attributes=_ATTRIBUTES,
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )
