"""Who wrote a page: names without "By", addresses, roles and the site's own name.

Comes in: what a page gives for its authors; goes out: names joined by ", ". Called by `metadata`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tidemill.process.extract.titles import fold

_MAX_CHARS = 200
_MAX_NAME_CHARS = 60
_BY = re.compile(
    r"^(?:(?:(?:written|posted|reported|reviewed|edited|published|created|story|words)\s+)?by|authors?|von|por|par|di|door"
    r"|de la rédaction de|autore?|auteur)(?:\s*:|\s)\s*",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\s*(?:[;|]|\band\b|\s&\s|\by\b(?=\s[A-ZÁÉÍÓÚ])|\bund\b|\bet\b(?=\s[A-ZÉ]))\s*")
_AFTER = re.compile(
    r"(?:\s*[,|(–—•·-]\s*|\s+)(?:(?:senior|staff|chief|managing|associate|contributing|guest|deputy|news|lead|freelance|"
    r"executive|political|technology|science)\s+)*"
    r"(?:editor|writer|reporter|correspondent|contributor|columnist|journalist|author|admin|producer|photographer|"
    r"blogger|redakteur(?:in)?|redactora?|periodista|rédacteur|rédactrice|redattore)\b.*$",
    re.IGNORECASE,
)
_DATED = re.compile(
    r"\s*(?:\bon\b|[,|•·–—-])?\s*(?:\b[A-Z][a-z]{2,8}\.? \d{1,2}, \d{4}|\d{1,2}[./]\d{1,2}[./]\d{2,4}).*$"
)
_NOBODY = frozenset((
    "admin", "administrator", "author", "authors", "editor", "staff", "unknown", "anonymous", "guest", "user", "null",
    "none", "undefined", "n/a", "website", "webmaster", "redaktion", "redacción", "by", "posts by", "wordpress",
    "view all posts", "follow", "read more", "share", "root", "default", "test", "super user", "superuser",
))  # fmt: skip
_NAME = re.compile(r"^[^\W\d_][\w'’.\-]*(?:\s+(?:[^\W\d_][\w'’.\-]*|&)){0,5}$")


def join_authors(given: Iterable[str], site_name: str | None = None) -> str | None:
    """The names in `given`, each once; `None` if there is none."""
    site = fold(site_name or "")
    names: dict[str, str] = {}
    for text in given:
        for name in _names_in(text):
            if fold(name) not in _NOBODY:
                names.setdefault(fold(name), name)
    if len(names) > 1:
        names.pop(site, None)  # Alone the site's name is better than none.
    joined = ", ".join(names.values())
    return joined if 0 < len(joined) <= _MAX_CHARS else None


def byline_of(text: str) -> str | None:
    """The name in a text such as `By Ann Weir`; `None` if it is something else."""
    stripped = _BY.sub("", text)
    if stripped == text:
        return None
    return name_of(_DATED.sub("", stripped))


def name_of(text: str) -> str | None:
    """`text`, if it looks like the names of people: two or more words, most of them with a capital."""
    names = [name for name in _names_in(text) if _is_name(name)]
    return ", ".join(names) or None


def _names_in(text: str) -> list[str]:
    if "://" in text or "@" in text or len(text) > 3 * _MAX_CHARS:
        return []
    text = _BY.sub("", " ".join(text.split()))
    parts = _BETWEEN.split(text)
    if _is_list(text):
        parts = [member for part in parts for member in part.split(",")]
        parts = [*parts[:1], *(part for part in parts[1:] if not _AFTER.match(f" {part.strip()}"))]  # roles
    cleaned = (_AFTER.sub("", part.strip(" ,;|·•-–—")).strip(" ,;|·•-–—") for part in parts)
    return [name for name in cleaned if 1 < len(name) <= _MAX_NAME_CHARS]


def _is_list(text: str) -> bool:
    """Whether commas stand between names; behind a single word stands a role, or what a degree is called."""
    members = text.split(",")
    return len(members) > 1 and all(" " in member.strip() for member in members)


def _is_name(text: str) -> bool:
    words = text.split()
    capitals = sum(word[0].isupper() for word in words)
    return 2 <= len(words) <= 4 and capitals >= 2 and _NAME.match(text) is not None
