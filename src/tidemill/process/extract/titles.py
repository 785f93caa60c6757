"""Chooses the title of a page among what it gives: `<h1>`, JSON-LD, OpenGraph, `<title>`.

Comes in: the candidates; goes out: the title and its origin, and what the others say. Called by `metadata`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

Candidate: TypeAlias = tuple[str, str]
"""Text and origin."""

_SEPARATOR = re.compile(r"(\s+[|–—·•»:\-/]\s+|\s*\|\s*)")
_BAR = re.compile(r"\s*\|\s*")
_WORD = re.compile(r"\w+")
_NOT_LETTERS = re.compile(r"[\W_]")
_SMALL_WORDS = frozenset(("of", "and", "the", "for", "in", "a", "de", "la", "el", "und", "der", "et", "e"))
_LEAST_CONTAINED_CHARS = 15
_MAX_NAME_WORDS = 5
_MAX_HEADING_CHARS = 150
_MAX_TITLE_CHARS = 1_000
_SHARED_WITH_HOST = 0.8
_SHARED_WITH_DECLARED = 0.35


def choose_title(
    headings: Sequence[str], declared: Sequence[Candidate], site_name: str | None, url: str
) -> list[Candidate]:
    """The title, and after it the others that a page gives; empty if it gives none at all.

    The heading that readers see goes first, if it is the page's and not the site's; then what the page declares. Names
    of the site that a title begins or ends with are left out.
    """
    site = _Site(site_name, url)
    declared = [(text[:_MAX_TITLE_CHARS], origin) for text, origin in declared]
    given = [(site.without_name(text), origin) for text, origin in declared]
    heading = _own_heading(_own_headings(headings, declared, given, site), declared, [fold(text) for text, _ in given])
    if heading is not None:
        return [(heading, "h1@1"), *given]
    return given or [(text, "h1@1") for text in headings[:1]]


def fold(text: str) -> str:
    """Case and white space folded away, for comparisons."""
    return " ".join(text.casefold().split())


def _own_headings(
    headings: Sequence[str], declared: Sequence[Candidate], given: Sequence[Candidate], site: _Site
) -> list[str]:
    """The headings that may be the page's: not the site's name, no whole paragraph, and about what the page declares.

    Of two declared titles that agree a heading must have some words; slogans have none.
    """
    folded = [fold(text) for text, _ in given]
    ends = {fold(end) for text, _ in declared for end in _ends(text)} - set(folded)
    agreed = set(_WORD.findall(" ".join(folded))) if len(set(folded)) < len(folded) else None
    own: dict[str, str] = {}
    for heading in headings:
        text = site.without_name(heading)
        if site.is_name(text) or fold(text) in ends or (given and len(text) > _MAX_HEADING_CHARS):
            continue
        words = set(_WORD.findall(fold(text)))
        if agreed is None or len(words & agreed) >= _SHARED_WITH_DECLARED * max(1, len(words)):
            own.setdefault(fold(text), text)
    return list(own.values())


def _own_heading(headings: list[str], declared: Sequence[Candidate], folded: list[str]) -> str | None:
    """The one heading, or the first that is declared, too."""
    for heading in headings:
        if fold(heading) in folded:
            return heading
    if len(headings) == 1:
        starts = {fold(_SEPARATOR.split(text)[0]) for text, _ in declared}
        if " " in headings[0] or fold(headings[0]) in starts:
            return headings[0]
    for heading in headings:
        if len(heading) >= _LEAST_CONTAINED_CHARS and any(fold(heading) in text for text in folded):
            return heading
    return None


class _Site:
    """What a site calls itself: its declared name, or a name that its host spells or abbreviates."""

    def __init__(self, name: str | None, url: str) -> None:
        host = (urlsplit(url).hostname or "").removeprefix("www.")
        self._name = _NOT_LETTERS.sub("", name.casefold()) if name else ""
        self._host = _NOT_LETTERS.sub("", host)
        self._labels = host.split(".")

    def is_name(self, text: str) -> bool:
        letters = _NOT_LETTERS.sub("", text.casefold())
        if letters and (letters == self._name or (len(letters) > 2 and letters in self._host)):
            return True
        words = [word for word in _WORD.findall(text.casefold()) if word not in _SMALL_WORDS]
        initials = "".join(word[0] for word in words)
        return (len(initials) > 2 and initials in self._labels) or self._spells(words)

    def _spells(self, words: list[str]) -> bool:
        """Whether the host has most letters of these words."""
        if len(words) > _MAX_NAME_WORDS:
            return False
        shared = sum(len(word) for word in words if len(word) > 2 and word in self._host)
        return shared >= max(4, _SHARED_WITH_HOST * sum(map(len, words)))

    def without_name(self, title: str) -> str:
        """`title` without the site's name at its end or beginning; behind a bar a few words are taken for one."""
        parts = _SEPARATOR.split(title)
        while len(parts) > 2 and self.is_name(parts[-1]):
            parts = parts[:-2]
        while len(parts) > 2 and self.is_name(parts[0]):
            parts = parts[2:]
        if len(parts) > 2 and _BAR.fullmatch(parts[-2]) and len(parts[-1].split()) <= _MAX_NAME_WORDS:
            parts = parts[:-2]
        return "".join(parts).strip()


def _ends(title: str) -> tuple[str, ...]:
    """The last part of a title of several: what many sites put their name into."""
    parts = _SEPARATOR.split(title)
    return (parts[-1],) if len(parts) > 2 else ()
