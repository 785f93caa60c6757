"""JSON whose names nobody told us: each object a document, by the names that APIs commonly use.

Comes in: a page whose body is JSON, of a source without `process.fields`; goes out: its drafts. Called by the pipeline.
What the rules of a source name is read by `selectors`, which makes drafts in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tidemill.models.document import Draft, Json, origin
from tidemill.process.extract.assemble import Found, assemble
from tidemill.process.extract.elements import json_values
from tidemill.process.extract.fragments import is_html, plain_text
from tidemill.process.extract.item_keys import keyed
from tidemill.process.extract.page import Page
from tidemill.process.extract.paths import read_json
from tidemill.process.extract.registry import JSON, handles

__all__ = ["extract_item", "is_html", "plain_text"]

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
_IDENTITIES = ("id", "guid", "uuid", "_id", "slug")
_ORIGIN = origin("item")
_SEPARATORS = re.compile(r"[\W_]+")


@handles(*JSON)
def extract_item(page: Page) -> tuple[Draft, ...]:
    """A draft of the object that the body is, or of each object of the list that it is, or that `process.items` names.

    None if the source has `process.fields`. Raises `Permanent` (reason `bad_json`) if the body is no JSON.
    """
    rules = page.rules
    if rules.fields:
        return ()
    whole = read_json(page.body, page.url)
    if rules.items is None and isinstance(whole, dict):
        return (_draft(page, whole, rules.kind),)
    path, kind, key = (
        (rules.items.path or "", rules.items.kind, rules.items.key) if rules.items else ("", rules.kind, ())
    )
    objects = [each for each in json_values(whole, path) if isinstance(each, dict)]
    made = [(_draft(page, each, kind), each if key else _identity(each)) for each in objects]
    return keyed(made, key or ("id",))


def _draft(page: Page, item: dict[str, Json], kind: str | None) -> Draft:
    """The object as a draft by the usual names."""
    values = _usual(item)
    return assemble(page, Found(values, dict.fromkeys(values, _ORIGIN)), kind=kind)


def _identity(item: dict[str, Json]) -> dict[str, Json]:
    """The object with the identifier that it bears, under whatever name, as its `id`."""
    given = (item.get(name) for name in _IDENTITIES)
    identity = next((each for each in given if isinstance(each, str | int) and each != ""), None)
    return item | {"id": identity}


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
