"""One item of a JSON API as a document.

Comes in: a page whose body is a JSON object, and the source's `process.fields`; goes out: one draft. Called by the
pipeline. `plain_text` and `is_html`, for values that may be HTML, also serve the reader of calendars.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import orjson

from tidemill.errors import Permanent
from tidemill.markup import parse_html
from tidemill.models.document import Draft, Json
from tidemill.process.extract.maintext import read_main_text
from tidemill.process.extract.metadata import web_url
from tidemill.process.extract.page import Page
from tidemill.process.extract.registry import JSON, handles
from tidemill.process.extract.text import as_markdown
from tidemill.process.extract.times import parse_aware_time

# In the order in which they are tried; case and separators do not count, so that `datePublished` is `date_published`.
_USUAL: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "headline", "name", "subject"),
    "content": ("content", "content_html", "body", "body_html", "article_body", "content_text", "text", "description"),
    "summary": ("summary", "excerpt", "abstract", "teaser"),
    "author": ("author", "authors", "author_name", "byline", "creator"),
    "published_at": (
        "published_at", "published", "date_published", "publish_date", "publication_date", "pub_date", "date_gmt",
        "date", "created_at", "created", "date_created",
    ),
    "modified_at": (
        "modified_at", "updated_at", "date_modified", "last_modified", "modified_gmt", "modified", "updated",
    ),
    "language": ("language", "lang", "in_language", "locale"),
    "tags": ("tags", "keywords", "categories"),
    "canonical_url": ("canonical_url", "url", "link", "permalink", "html_url", "web_url"),
    "image_url": ("image_url", "image", "featured_image", "thumbnail_url", "thumbnail"),
    "site_name": ("site_name",),
}  # fmt: skip
_OWN = frozenset((*_USUAL, "kind"))
_TEXTS = ("rendered", "value", "name", "display_name", "full_name", "title", "label", "login", "url", "src", "href")
"""Under which names an object holds the text that it stands for (WordPress has `{"title": {"rendered": …}}`)."""

_KIND = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_LANGUAGE = re.compile(r"([a-zA-Z]{2})(?:[-_]|$)")
_SEPARATORS = re.compile(r"[\W_]+")
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
_TAG = re.compile(
    r"</?(?:a|abbr|article|b|blockquote|body|br|center|code|div|dl|em|figure|font|h[1-6]|hr|html|i|img|li|main|ol|p|pre"
    r"|s|section|small|span|strong|sub|sup|table|tbody|td|th|tr|u|ul)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_BREAK = re.compile(
    r"(?=</?(?:article|blockquote|br|dd|div|dl|dt|figure|h[1-6]|hr|li|ol|p|pre|section|table|tr|ul)\b)", re.IGNORECASE
)
_KEPT_SHARE = 0.7
_MAX_TAGS, _MAX_TAG_CHARS, _MAX_AUTHOR_CHARS = 30, 60, 200
_LEAST_SECONDS, _LEAST_MILLISECONDS, _MOST_MILLISECONDS = 1e8, 1e11, 1e14  # 1973, and a number no clock shows soon


@handles(*JSON)
def extract_item(page: Page) -> tuple[Draft, ...]:
    """The item as a draft by `process.fields`, or, without that, by the usual names; none if it is no object.

    Raises `Permanent` (reason `bad_json`) if the body is no JSON.
    """
    try:
        item: Json = orjson.loads(page.body.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise Permanent(f"{page.url} is declared as JSON but is none: {error}", reason="bad_json") from error
    if not isinstance(item, dict):
        return ()
    mapping = page.rules.fields
    values = {name: at_path(item, rule.path or "") for name, rule in mapping.items()} if mapping else _usual(item)
    return (_draft(page, {name: value for name, value in values.items() if value not in (None, "", [], {})}),)


def is_html(text: str) -> bool:
    """Whether a text that may be either is HTML: it holds a tag that HTML has."""
    return _TAG.search(text) is not None


def plain_text(text: str) -> str:
    """A text that may be HTML as a reader sees it, each block on a line of its own.

    Raises `Permanent` if its markup would hang a parser.
    """
    if not is_html(text):
        return html.unescape(text) if _ENTITY.search(text) else text
    tree = parse_html(_BREAK.sub("\n", text))
    tree.strip_tags(["script", "style", "template", "noscript"])
    return tree.body.text() if tree.body is not None else ""


def at_path(value: Json, path: str) -> Json:
    """What lies at a path of names and indexes (`data.title`, `authors.0.name`); `None` if there is nothing."""
    for name in path.split(".") if path else ():
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and name.isascii() and len(name) < 10:
            value = value[int(name)] if int(name) < len(value) else None
        else:
            return None
    return value


def _usual(item: dict[str, Json]) -> dict[str, Json]:
    """The values of an item whose names nobody told us."""
    folded: dict[str, Json] = {}
    for name, value in item.items():
        if value not in (None, "", [], {}):
            folded.setdefault(_fold(name), value)
    found = {field: (folded[_fold(name)] for name in names if _fold(name) in folded) for field, names in _USUAL.items()}
    return {field: value for field, values in found.items() if (value := next(values, None)) is not None}


def _fold(name: str) -> str:
    return _SEPARATORS.sub("", name).lower()


def _draft(page: Page, values: Mapping[str, Json]) -> Draft:
    """A draft of the values by the names that they have in a document."""
    content, markdown = _rich_text(_whole_text(values.get("content")), page.url)
    published_at, guessed = _time(values.get("published_at"))
    modified_at, guessed_too = _time(values.get("modified_at"))
    kind = _text(values.get("kind")) or ""
    draft = Draft(
        kind=kind if _KIND.fullmatch(kind) else "article",
        title=_line(values.get("title")) or "",
        author=_author(values.get("author")),
        published_at=published_at,
        modified_at=modified_at,
        language=_language(values.get("language")),
        content=content,
        markdown=markdown,
        summary=_line(values.get("summary")),
        canonical_url=web_url(page.url, _text(values.get("canonical_url"))),
        site_name=_line(values.get("site_name")),
        image_url=web_url(page.url, _text(values.get("image_url"))),
        tags=_tags(values.get("tags")),
        fields={name: value for name, value in values.items() if name not in _OWN},
        flags=("naive_time",) if guessed or guessed_too else (),
    )
    got = [name for name in (*_USUAL, "markdown") if getattr(draft, name)]
    return replace(draft, provenance=dict.fromkeys((*got, *draft.fields), "item"))


def _rich_text(text: str, url: str) -> tuple[str, str]:
    """A text that may be HTML, plain and as markdown. What trafilatura takes for no content is kept nevertheless."""
    plain = plain_text(text)
    if not is_html(text):
        return plain, as_markdown(plain)
    main = read_main_text(f"<html><body><article>{text}</article></body></html>", lambda: text, url, None)
    if len(main.text.split()) < _KEPT_SHARE * len(plain.split()):
        return plain, as_markdown(plain)
    return main.text, main.markdown


def _text(value: Json) -> str | None:
    """The text that a value is or, if it is an object or a list of one, stands for."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = next((value[name] for name in _TEXTS if isinstance(value.get(name), str)), None)
    if isinstance(value, str):
        return value.strip() or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole_text(value: Json) -> str:
    """As `_text`, but of a list every part: paragraphs."""
    members = value if isinstance(value, list) else [value]
    return "\n\n".join(text for member in members if (text := _text(member)))


def _line(value: Json) -> str | None:
    text = _text(value)
    return (" ".join(plain_text(text).split()) or None) if text else None


def _texts(value: Json) -> list[str]:
    members = value if isinstance(value, list) else [value]
    return [text for member in members if (text := _line(member))]


def _author(value: Json) -> str | None:
    names = [name for name in _texts(value) if not name.isdecimal() and "://" not in name]
    return ", ".join(dict.fromkeys(names))[:_MAX_AUTHOR_CHARS] or None


def _tags(value: Json) -> tuple[str, ...]:
    """The tags of a list, or of one text in which commas part them. Numbers are keys of something, not tags."""
    texts: Iterable[str] = value.split(",") if isinstance(value, str) else _texts(value)
    tags = (text.strip() for text in texts)
    return tuple(dict.fromkeys(tag for tag in tags if 0 < len(tag) <= _MAX_TAG_CHARS and not tag.isdecimal()))[
        :_MAX_TAGS
    ]


def _language(value: Json) -> str | None:
    found = _LANGUAGE.match(_text(value) or "")
    return found[1].lower() if found else None


def _time(value: Json) -> tuple[datetime | None, bool]:
    """A time as text, or as seconds or milliseconds since 1970; and whether its zone had to be assumed."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        if not _LEAST_SECONDS <= number < _MOST_MILLISECONDS:
            return None, False
        seconds = number / 1000 if number >= _LEAST_MILLISECONDS else number
        return datetime.fromtimestamp(seconds, UTC), False
    return parse_aware_time(_text(value) or "")
