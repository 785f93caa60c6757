"""JSON Feed 1 and 1.1 (https://www.jsonfeed.org/version/1.1/).

Comes in: the body of a feed; goes out: its entries. Called by `feed`.
"""

from __future__ import annotations

import html
from urllib.parse import urljoin

import orjson

from tidemill.errors import Permanent
from tidemill.markup.bounds import check_json
from tidemill.models.document import Json
from tidemill.process.extract.feed_entry import MAX_ENTRIES, Entry, Feed

_MAX_ENCLOSURES = 50
_LINKS = {"canonical_url": ("url", "external_url"), "image_url": ("image", "banner_image")}
_TEXTS = {
    "title": "title", "id": "id", "description": "summary", "published_at": "date_published",
    "modified_at": "date_modified", "language": "language",
}  # fmt: skip


def read_json_feed(body: bytes, url: str) -> Feed:
    """The entries of the feed that lies at `url`. Raises `Permanent`: `bad_json`, `too_large`, `not_a_feed`."""
    check_json(body)
    try:
        said: Json = orjson.loads(body)
    except ValueError as error:
        raise Permanent(f"{url} is not readable as a JSON Feed: {error}", reason="bad_json") from error
    items = said.get("items") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(items, list):
        raise Permanent(f"{url} is no JSON Feed: a list of `items` is missing from it", reason="not_a_feed")
    feed = Feed("jsonfeed", truncated=len(items) > MAX_ENTRIES)
    feed.own = _entry(said, url)
    feed.entries = [_entry(item, url) for item in items[:MAX_ENTRIES] if isinstance(item, dict)]
    return feed


def _entry(item: dict[str, Json], url: str) -> Entry:
    entry = Entry()
    for name, key in _TEXTS.items():
        value = item.get(key)
        entry.put(name, str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value), key)
    for name, keys in _LINKS.items():
        for key in keys:
            entry.put(name, _joined(url, _text(item.get(key))), key)
    if entry.text("id").startswith(("http://", "https://")):
        entry.put("permanent_url", entry.text("id"), "id")
    entry.put("content", _text(item.get("content_html")), "content_html")
    plain = _text(item.get("content_text"))
    entry.put("content", html.escape(plain, quote=False) if "<" in plain else plain, "content_text")
    for tag in _members(item.get("tags")):
        entry.add("tags", _text(tag), "tags")
    for author in (*_members(item.get("authors")), item.get("author")):
        entry.add("author", _text(author.get("name")) if isinstance(author, dict) else "", "authors")
    _enclose(entry, item.get("attachments"), url)
    return entry


def _enclose(entry: Entry, attachments: Json, url: str) -> None:
    for each in _members(attachments)[:_MAX_ENCLOSURES]:
        if isinstance(each, dict) and (link := _joined(url, _text(each.get("url")))):
            kind, size = _text(each.get("mime_type")), each.get("size_in_bytes")
            said: dict[str, Json] = {"type": kind} if kind else {}
            if isinstance(size, int) and not isinstance(size, bool) and size > 0:
                said["size_bytes"] = size
            entry.enclosures.append({"url": link, **said})


def _members(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _text(value: Json) -> str:
    return value.strip() if isinstance(value, str) else ""


def _joined(url: str, link: str) -> str:
    try:
        return urljoin(url, link) if link else ""
    except ValueError:
        return ""
