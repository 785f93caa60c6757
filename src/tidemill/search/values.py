"""The exact values of a document that are filtered and counted, the same for every engine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tidemill.models.document import Document
from tidemill.search.text import clean, fold

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TITLE_KEY_CHARS = 80

FACETS: Mapping[str, str] = {
    "source": "source",
    "kind": "kind",
    "language": "language",
    "author": "author_name",
    "tag": "tag",
    "domain": "host",
}
"""What can be counted, besides a source's own fields, and the exact value that it counts."""


def exact_values(document: Document) -> list[tuple[str, str]]:
    """Name and value of everything that is compared as a whole; `domain` is the host and each of its parents."""
    draft = document.draft
    host = host_of(document.url)
    values = [
        ("id", document.id),
        ("source", raw(document.source)),
        ("kind", raw(draft.kind)),
        ("language", raw(draft.language or "")),
        ("author_name", clean(draft.author or "").strip()),
        ("host", host),
    ]
    values += [("tag", raw(tag)) for tag in draft.tags]
    values += [("domain", domain) for domain in _domains(host)]
    return list(dict.fromkeys((name, value) for name, value in values if value))


def hit_values(document: Document, title: str) -> dict[str, Any]:
    """What a hit shows of the document, ready for JSON."""
    draft = document.draft
    published = draft.published_at
    return {
        "id": document.id,
        "url": clean(document.url),
        "title": title,
        "source": clean(document.source),
        "kind": draft.kind,
        "language": draft.language,
        "author": clean(draft.author) if draft.author else None,
        "summary": clean(draft.summary) if draft.summary else None,
        "published_at": published.isoformat() if published else None,
        "word_count": draft.word_count,
        "reading_time_minutes": draft.reading_time_minutes,
    }


def title_key(title: str) -> str:
    """What titles are sorted by: without case, accents and what is no letter at the beginning."""
    return fold(title).lstrip(" \t\n\"'“”„«»([{¿¡.-–—")[:_TITLE_KEY_CHARS].strip()


def seconds(moment: datetime) -> int:
    """Whole seconds since 1970 (UTC) of an aware time, before 1970 too."""
    return (moment - _EPOCH) // timedelta(seconds=1)


def raw(value: str) -> str:
    """A value as it is compared: without regard to case."""
    return clean(value).strip().casefold()


def host_of(url: str) -> str:
    """The host of a URL or of what people write for one (`example.org/a`), in lower case, without port."""
    authority = raw(url).split("://")[-1].split("/")[0].split("?")[0].split("#")[0].rsplit("@")[-1]
    if authority.startswith("["):
        return authority.split("]")[0] + "]"
    return authority.split(":")[0].rstrip(".")


def _domains(host: str) -> list[str]:
    """The host and its parents of two labels or more; an address has none."""
    labels = host.split(".")
    if host.startswith("[") or labels[-1].isdigit():
        return [host]
    return [host, *(".".join(labels[start:]) for start in range(1, len(labels) - 1))]
