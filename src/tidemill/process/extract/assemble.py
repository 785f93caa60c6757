"""Values by the names that they have in a document, as a draft.

Comes in: a page and the values; goes out: one draft. Called by the extractors of items and of selected values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

from tidemill.models.document import Draft, Json
from tidemill.process.extract.fragments import plain_text, rich_text
from tidemill.process.extract.links import web_url
from tidemill.process.extract.page import Page
from tidemill.process.extract.paths import KIND
from tidemill.process.extract.text import as_markdown
from tidemill.process.extract.times import ZONE_ASSUMED, parse_aware_time, zone_of
from tidemill.process.extract.values import text_of_value, time_of_number

NAMES = (
    "title", "content", "summary", "author", "published_at", "modified_at", "language", "tags", "canonical_url",
    "image_url", "site_name",
)  # fmt: skip
"""The names that a document has a place for; a value of any other name goes to its `fields`."""

_OWN = frozenset((*NAMES, "kind"))
_LANGUAGE = re.compile(r"([a-zA-Z]{2})(?:[-_]|$)")
_MAX_TAGS, _MAX_TAG_CHARS, _MAX_AUTHOR_CHARS = 30, 60, 200


@dataclass(frozen=True, slots=True)
class Found:
    """The values of a document. `origins` says of each where it is from. Texts may be HTML if they `may_be_html`.

    `body` is the content as plain text and as markdown, if it has been read already.
    """

    values: Mapping[str, Json]
    origins: Mapping[str, str]
    may_be_html: bool = True
    body: tuple[str, str] | None = None
    flags: tuple[str, ...] = field(default=())


def assemble(page: Page, found: Found, *, kind: str | None = None, item_key: str = "") -> Draft:
    """A draft of the values; `kind` wins over a value of that name, and `article` is what it is otherwise.

    What cannot be what its name says (a language of ten words, a link that leads to no page) is left out.
    """
    values = found.values
    reads = _Reader(found.may_be_html)
    content, markdown = found.body or reads.body(values.get("content"), page.url)
    zone = zone_of(page.rules)
    published_at, guessed = _time(values.get("published_at"), zone)
    modified_at, guessed_too = _time(values.get("modified_at"), zone)
    named = text_of_value(values.get("kind")) or ""
    draft = Draft(
        kind=kind or (named if KIND.fullmatch(named) else "article"),
        item_key=item_key,
        title=reads.line(values.get("title")) or "",
        author=reads.author(values.get("author")),
        published_at=published_at,
        modified_at=modified_at,
        language=_language(values.get("language")),
        content=content,
        markdown=markdown,
        summary=reads.line(values.get("summary")),
        canonical_url=web_url(page.url, text_of_value(values.get("canonical_url"))),
        site_name=reads.line(values.get("site_name")),
        image_url=web_url(page.url, text_of_value(values.get("image_url"))),
        tags=reads.tags(values.get("tags")),
        fields={name: value for name, value in values.items() if name not in _OWN},
        flags=(*found.flags, ZONE_ASSUMED) if guessed or guessed_too else found.flags,
    )
    return replace(draft, flags=tuple(dict.fromkeys(draft.flags)), provenance=_provenance(draft, found.origins))


def _provenance(draft: Draft, origins: Mapping[str, str]) -> dict[str, str]:
    got = [name for name in (*NAMES, *draft.fields) if name in draft.fields or getattr(draft, name)]
    said = {name: origins[name] for name in got if name in origins}
    return said | ({"markdown": said["content"]} if "content" in said else {})


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads texts as people see them."""

    may_be_html: bool

    def plain(self, text: str) -> str:
        return plain_text(text) if self.may_be_html else text

    def body(self, value: Json, url: str) -> tuple[str, str]:
        """The whole text of a value, of a list every part: paragraphs."""
        members = value if isinstance(value, list) else [value]
        text = "\n\n".join(text for member in members if (text := text_of_value(member)))
        return rich_text(text, url) if self.may_be_html else (text, as_markdown(text))

    def line(self, value: Json) -> str | None:
        text = text_of_value(value)
        return (" ".join(self.plain(text).split()) or None) if text else None

    def lines(self, value: Json) -> list[str]:
        members = value if isinstance(value, list) else [value]
        return [text for member in members if (text := self.line(member))]

    def author(self, value: Json) -> str | None:
        names = [name for name in self.lines(value) if not name.isdecimal() and "://" not in name]
        return ", ".join(dict.fromkeys(names))[:_MAX_AUTHOR_CHARS] or None

    def tags(self, value: Json) -> tuple[str, ...]:
        """The tags of a list, or of one text in which commas part them. Numbers are keys of something, not tags."""
        texts: Iterable[str] = value.split(",") if isinstance(value, str) else self.lines(value)
        tags = (text.strip() for text in texts)
        kept = (tag for tag in tags if 0 < len(tag) <= _MAX_TAG_CHARS and not tag.isdecimal())
        return tuple(dict.fromkeys(kept))[:_MAX_TAGS]


def _language(value: Json) -> str | None:
    found = _LANGUAGE.match(text_of_value(value) or "")
    return found[1].lower() if found else None


def _time(value: Json, zone: tzinfo | None) -> tuple[datetime | None, bool]:
    """A time as text, or as seconds or milliseconds since 1970; and whether its zone had to be assumed."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return time_of_number(value), False
    return parse_aware_time(text_of_value(value) or "", zone)
