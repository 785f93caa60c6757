"""Chooses the title of a page among what it gives: `<h1>`, JSON-LD, OpenGraph, `<title>`.

Comes in: the candidates; goes out: the title and its origin. Called by `metadata`.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from tidemill.process.extract.head import Head

_SEPARATOR = re.compile(r"(\s+[|–—·•»:\-/]\s+|\s*\|\s*)")
_LEAST_CONTAINED_CHARS = 15


def choose_title(headline: str | None, head: Head, site_name: str | None, url: str) -> tuple[str, str] | None:
    """The title and where it came from; `None` if the page gives none at all.

    The heading that readers see goes first, if it is the page's and not the site's; then what the page declares. Names
    of the site that a title begins or ends with are left out.
    """
    site = _Site(site_name, url)
    given = (("jsonld", headline), ("opengraph", head.meta("og:title")), ("html", head.title))
    declared = [(origin, site.without_name(text)) for origin, text in given if text]
    folded = [fold(text) for _, text in declared]
    headings = [text for heading in head.headings if (text := site.without_name(heading)) and not site.is_name(text)]
    ends = {fold(end) for _, text in given if text for end in _ends(text)}
    for heading in headings:
        if fold(heading) in folded:
            return heading, "h1"
    if len(headings) == 1 and " " in headings[0] and fold(headings[0]) not in ends:
        return headings[0], "h1"
    starts = {fold(_SEPARATOR.split(text)[0]) for _, text in given if text}
    if len(headings) == 1 and fold(headings[0]) in starts:
        return headings[0], "h1"
    for heading in headings:
        if len(heading) >= _LEAST_CONTAINED_CHARS and any(fold(heading) in text for text in folded):
            return heading, "h1"
    if declared:
        origin, text = declared[0]
        return text, origin
    return (head.headings[0], "h1") if head.headings else None


def fold(text: str) -> str:
    """Case and white space folded away, for comparisons."""
    return " ".join(text.casefold().split())


class _Site:
    """What a site calls itself: its declared name, or a name that its host spells."""

    def __init__(self, name: str | None, url: str) -> None:
        self._name = fold(name) if name else None
        self._host = re.sub(r"[\W_]", "", (urlsplit(url).hostname or "").removeprefix("www."))

    def is_name(self, text: str) -> bool:
        letters = re.sub(r"[\W_]", "", text.casefold())
        return fold(text) == self._name or (len(letters) > 2 and letters in self._host)

    def without_name(self, title: str) -> str:
        """`title` without the site's name at its end or beginning."""
        parts = _SEPARATOR.split(title)
        while len(parts) > 2 and self.is_name(parts[-1]):
            parts = parts[:-2]
        while len(parts) > 2 and self.is_name(parts[0]):
            parts = parts[2:]
        return "".join(parts).strip()


def _ends(title: str) -> tuple[str, ...]:
    """The last part of a title of several: what many sites put their name into."""
    parts = _SEPARATOR.split(title)
    return (parts[-1],) if len(parts) > 2 else ()
