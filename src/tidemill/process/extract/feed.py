"""Feeds: one draft for each entry of RSS, RDF, Atom or JSON Feed.

Comes in: a feed that was captured because its source says `feed: {follow: false}`; goes out: drafts of kind `article`.
Called by the pipeline. A feed whose entries are followed is read by the crawl instead.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import tzinfo
from hashlib import blake2b

from tidemill.errors import Permanent
from tidemill.markup.xml import without_margin
from tidemill.models.document import Draft, Json, origin
from tidemill.process.extract.feed_entry import Entry, Feed
from tidemill.process.extract.feed_json import read_json_feed
from tidemill.process.extract.feed_xml import read_xml_feed
from tidemill.process.extract.fragments import plain_text, rich_text
from tidemill.process.extract.links import web_url
from tidemill.process.extract.page import Page
from tidemill.process.extract.registry import handles
from tidemill.process.extract.text import first_line
from tidemill.process.extract.times import ZONE_ASSUMED, parse_aware_time, zone_of

JSON_FEED = "application/feed+json"
FEED = ("application/rss+xml", "application/atom+xml", "application/rdf+xml", JSON_FEED)
"""What the crawl calls a feed that it captures, whatever its server calls it."""

_VERSION = "1"
_LANGUAGE = re.compile(r"([a-zA-Z]{2})(?:[-_]|$)")
_OWN_FIELDS = frozenset(("id", "enclosures"))
MAX_CONTENT_CHARS = 2_000_000


@handles(*FEED)
def extract_feed(page: Page) -> tuple[Draft, ...]:
    """The entries, each once; of several with one identifier, the first.

    An entry whose markup no parser can be given is kept without its text, with the reason as its problem. Raises
    `Permanent`: `bad_xml`, `bad_json`, `too_large`, `not_a_feed`.
    """
    body = without_margin(page.body)
    is_json = page.media_type == JSON_FEED or body.startswith(b"{")
    feed = read_json_feed(body, page.url) if is_json else read_xml_feed(body, page.url)
    zone = zone_of(page.rules)
    drafts: dict[str, Draft] = {}
    for entry in feed.entries:
        draft = _draft(feed, entry, page.url, zone)
        if draft.title or draft.content:
            drafts.setdefault(draft.item_key, draft)
    return tuple(drafts.values())


def _draft(feed: Feed, entry: Entry, url: str, zone: tzinfo | None) -> Draft:
    content, markdown, problems = _body(entry, url)
    times = {name: parse_aware_time(entry.text(name), zone) for name in ("published_at", "modified_at")}
    flags = (
        (ZONE_ASSUMED, any(assumed for _, assumed in times.values())),
        ("truncated", feed.truncated or _is_cut(entry)),
    )
    link = entry.text("canonical_url") or entry.text("permanent_url")
    title = _line(entry.text("title"))
    draft = Draft(
        kind="article",
        item_key=_item_key(entry, link),
        title=title or first_line(content),
        author=", ".join(entry.listed("author") or feed.own.listed("author")) or None,
        published_at=times["published_at"][0],
        modified_at=times["modified_at"][0],
        language=_language(entry) or _language(feed.own),
        content=content,
        markdown=markdown,
        summary=_line(entry.text("description")) or None if entry.text("content") else None,
        canonical_url=web_url(url, link) if link else None,
        site_name=_line(feed.own.text("title")) or None,
        image_url=web_url(url, entry.text("image_url")) if entry.text("image_url") else None,
        tags=tuple(_line(tag) for tag in entry.listed("tags")),
        fields=_fields(entry),
        flags=tuple(flag for flag, is_so in flags if is_so),
        problems=problems,
    )
    return replace(draft, provenance=_provenance(feed, entry, draft))


def _is_cut(entry: Entry) -> bool:
    return len(entry.text("content") or entry.text("description")) > MAX_CONTENT_CHARS


def _body(entry: Entry, url: str) -> tuple[str, str, tuple[str, ...]]:
    """The text of an entry, plain and as markdown, and why there is none."""
    text = entry.text("content") or entry.text("description")
    try:
        content, markdown = rich_text(text[:MAX_CONTENT_CHARS], entry.text("canonical_url") or url)
    except Permanent as fault:
        return "", "", (fault.reason,)
    return content, markdown, ()


def _fields(entry: Entry) -> dict[str, Json]:
    fields: dict[str, Json] = {"id": entry.text("id")} if entry.text("id") else {}
    return {**fields, "enclosures": entry.enclosures} if entry.enclosures else fields


def _provenance(feed: Feed, entry: Entry, draft: Draft) -> dict[str, str]:
    """Which element each value that the draft has came from."""
    rules = dict(feed.own.rules()) if "author" not in entry.lists else {}
    rules = {name: f"feed {rule}" for name, rule in rules.items() if name in ("author", "language")}
    rules.update(entry.rules())
    text = rules.get("content") or rules.get("description") or ""
    rules.update(content=text, markdown=text, enclosures="enclosure", site_name="feed title")
    rules["summary"] = rules.get("description", "")
    rules["title"] = rules.get("title") or text
    rules["canonical_url"] = rules.get("canonical_url") or rules.get("permanent_url", "")
    given = {name for name in rules if name in draft.fields or (name not in _OWN_FIELDS and getattr(draft, name, None))}
    return {name: origin(feed.format, _VERSION, rules[name]) for name in sorted(given)}


def _line(text: str) -> str:
    """A text that may be HTML on one line; as it stands if no parser may read it."""
    try:
        return " ".join(plain_text(text).split())
    except Permanent:
        return " ".join(text.split())


def _language(entry: Entry) -> str | None:
    found = _LANGUAGE.match(entry.text("language"))
    return found[1].lower() if found else None


def _item_key(entry: Entry, link: str) -> str:
    """The same for an entry whenever the feed is read."""
    when = entry.text("published_at") or entry.text("modified_at")
    identity = entry.text("id") or link or "\x1f".join((entry.text("title"), when, entry.text("description")))
    return blake2b(identity.encode("utf-8", "replace"), digest_size=12).hexdigest()
