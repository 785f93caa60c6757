"""Chooses the title of a page among what it gives: JSON-LD, OpenGraph, `<h1>`, `<title>`.

Comes in: the candidates; goes out: the title and its origin. Called by `metadata`.
"""

from __future__ import annotations

import re

from tidemill.process.extract.head import Head

_SEPARATOR = re.compile(r"\s+[|–—·•»:\-]\s+|\s*\|\s*")


def choose_title(headline: str | None, head: Head, site_name: str | None) -> tuple[str, str] | None:
    """The title and where it came from; `None` if the page gives none at all."""
    shown = head.headings[0] if len(head.headings) == 1 else None
    opengraph = head.meta("og:title")
    for heading in head.headings:
        if any(
            fold(heading) in fold(given) for given in (headline, opengraph, head.title) if given and len(heading) > 3
        ):
            return heading, "h1"
    if headline:
        return headline, "jsonld"
    if opengraph:
        return without_site(opengraph, site_name), "opengraph"
    if head.title:
        return without_site(head.title, site_name), "html"
    return (shown or head.headings[0], "h1") if head.headings else None


def without_site(title: str, site_name: str | None) -> str:
    """`title` without the name of the site that many pages add to it."""
    parts = _SEPARATOR.split(title)
    if len(parts) < 2:
        return title
    if site_name and fold(parts[-1]) == fold(site_name):
        return title[: title.rindex(parts[-1])].rstrip(" |–—·•»:-")
    if site_name and fold(parts[0]) == fold(site_name):
        return title[len(parts[0]) :].lstrip(" |–—·•»:-")
    return title


def fold(text: str) -> str:
    """Case and white space folded away, for comparisons."""
    return " ".join(text.casefold().split())
