"""What a page says of itself: JSON-LD, OpenGraph, meta tags, `<link rel=canonical>`, `<html lang>`, `<title>`, `<h1>`.

Comes in: the tree; goes out: `Metadata`, each value with its origin. Called through `Page.metadata`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urljoin, urlsplit

from tidemill.markup import LexborHTMLParser
from tidemill.models.document import Json
from tidemill.process.extract.head import Head, read_head
from tidemill.process.extract.jsonld import Item, ItemStore, text_of, texts_of, types_of
from tidemill.process.extract.times import ZONE_ASSUMED, parse_aware_time
from tidemill.process.extract.titles import choose_title

ARTICLE_TYPES = frozenset((
    "Article", "NewsArticle", "BlogPosting", "TechArticle", "ScholarlyArticle", "Report", "AnalysisNewsArticle",
    "OpinionNewsArticle", "ReviewNewsArticle", "BackgroundNewsArticle", "ReportageNewsArticle",
    "LiveBlogPosting", "SocialMediaPosting", "Posting", "DiscussionForumPosting", "SatiricalArticle",
    "AdvertiserContentArticle", "MedicalScholarlyArticle", "APIReference",
))  # fmt: skip
_PAGE_TYPES = frozenset(
    ["WebPage", "ItemPage", "AboutPage", "FAQPage", "QAPage", "MedicalWebPage", "CollectionPage", "ProfilePage"]
)
_PUBLISHED_META = (
    "article:published_time", "og:article:published_time", "datepublished", "date", "pubdate", "publishdate",
    "publish-date", "publish_date", "parsely-pub-date", "sailthru.date", "dc.date.issued", "dc.date", "dcterms.created",
    "dcterms.issued", "citation_publication_date", "article.published", "published_date",
    "cxenseparse:recs:publishtime",
)  # fmt: skip
_MODIFIED_META = ("article:modified_time", "og:updated_time", "datemodified", "last-modified", "dcterms.modified")
_AUTHOR_META = (
    "author", "article:author", "parsely-author", "sailthru.author", "dc.creator", "dcterms.creator", "citation_author",
    "byl", "twitter:creator_name",
)  # fmt: skip
_TAG_META = ("article:tag", "keywords", "news_keywords", "parsely-tags")
_LANGUAGE = re.compile(r"([a-zA-Z]{2})(?:[-_]|$)")
_BY = re.compile(r"^(?:by|von|por|par|di|door)[:\s]\s*", re.IGNORECASE)
_MAX_TAGS = 30
_MAX_AUTHOR_CHARS = 200


@dataclass(frozen=True, slots=True)
class Metadata:
    """Values as found, `None` where there is none; `provenance` names the origin of each. Times are in UTC."""

    items: ItemStore
    is_article: bool
    title: str | None = None
    heading: str | None = None
    author: str | None = None
    published_at: datetime | None = None
    modified_at: datetime | None = None
    language: str | None = None
    description: str | None = None
    canonical_url: str | None = None
    site_name: str | None = None
    image_url: str | None = None
    tags: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict)


def read_metadata(tree: LexborHTMLParser, url: str, base_url: str) -> Metadata:
    """All that the page says of itself. Nothing here fails: what cannot be read is not there."""
    head = read_head(tree)
    items = ItemStore(head.json_blocks)
    own = _own_item(items, url)
    picked = _Picked(base_url)
    _pick_texts(picked, head, own, items, url)
    _pick_links(picked, head, own, items)
    is_article = bool(types_of(own) & ARTICLE_TYPES) or head.meta("og:type") == "article"
    created = own.get("datePublished") if is_article else None  # Of a mere web page it is when the site was built.
    dates = [("jsonld", created), *_metas(head, _PUBLISHED_META), ("html", head.published)]
    published = picked.time("published_at", dates)
    modified = picked.time("modified_at", [("jsonld", own.get("dateModified")), *_metas(head, _MODIFIED_META)])
    return Metadata(
        items=items,
        is_article=is_article,
        heading=head.headings[0] if len(head.headings) == 1 else None,
        published_at=published,
        modified_at=modified,
        tags=_tags(picked, head, own),
        flags=tuple(picked.flags),
        provenance=picked.provenance,
        **picked.texts,
    )


class _Picked:
    """Collects the first good value of each field together with where it came from."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.texts: dict[str, str] = {}
        self.provenance: dict[str, str] = {}
        self.flags: list[str] = []

    def text(self, name: str, candidates: Iterable[tuple[str, Json]]) -> None:
        for origin, value in candidates:
            if found := text_of(value):
                self.texts[name], self.provenance[name] = found, origin
                return

    def link(self, name: str, candidates: Iterable[tuple[str, Json]]) -> None:
        for origin, value in candidates:
            if found := web_url(self.base_url, text_of(value)):
                self.texts[name], self.provenance[name] = found, origin
                return

    def time(self, name: str, candidates: Iterable[tuple[str, Json]]) -> datetime | None:
        for origin, value in candidates:
            found, assumed = parse_aware_time(text_of(value) or "")
            if found is not None:
                self.provenance[name] = origin
                if assumed and ZONE_ASSUMED not in self.flags:
                    self.flags.append(ZONE_ASSUMED)
                return found
        return None


def _pick_texts(picked: _Picked, head: Head, own: Item, items: ItemStore, url: str) -> None:
    site = text_of(items.resolve(own.get("publisher")))
    picked.text(
        "site_name",
        [("opengraph", head.meta("og:site_name")), ("jsonld", site), ("meta", head.meta("application-name"))],
    )
    if found := choose_title(
        text_of(own.get("headline")) or text_of(own.get("name")), head, picked.texts.get("site_name"), url
    ):
        picked.texts["title"], picked.provenance["title"] = found
    description = [("jsonld", own.get("description")), ("opengraph", head.meta("og:description"))]
    picked.text("description", [*description, ("meta", head.meta("description"))])
    language = next(
        (code for code in (_language(text_of(own.get("inLanguage"))), _language(head.language)) if code), None
    )
    picked.text("language", [("html", language)])
    for origin, names in _author_candidates(head, own, items):
        if author := _author(names):
            picked.texts["author"], picked.provenance["author"] = author, origin
            return


def _pick_links(picked: _Picked, head: Head, own: Item, items: ItemStore) -> None:
    picked.link("canonical_url", [("html", head.canonical), ("opengraph", head.meta("og:url"))])
    image = items.resolve(own.get("image"))
    if isinstance(image, list) and image:
        image = items.resolve(image[0])
    if isinstance(image, dict):
        image = image.get("url") or image.get("contentUrl")
    picked.link(
        "image_url", [("opengraph", head.meta("og:image")), ("jsonld", image), ("meta", head.meta("twitter:image"))]
    )


def _own_item(items: ItemStore, url: str) -> Item:
    """The item that describes the page itself: its article, else its web page; `{}` if none or unclear."""
    tops = [*items.top, *(item for top in items.top if isinstance(item := items.resolve(top.get("mainEntity")), dict))]
    for wanted in (ARTICLE_TYPES, _PAGE_TYPES):
        found = [item for item in tops if types_of(item) & wanted]
        if len(found) > 1:
            found = [item for item in found if _same_page(item, url)][:1]
        if found:
            return found[0]
    return {}


def _same_page(item: Item, url: str) -> bool:
    addresses = [item.get("url"), item.get("@id"), item.get("mainEntityOfPage")]
    given = [value.get("@id") if isinstance(value, dict) else value for value in addresses]
    return any(isinstance(value, str) and _bare(value) == _bare(url) for value in given)


def _bare(url: str) -> str:
    return url.partition("#")[0].partition("://")[2].removeprefix("www.").rstrip("/")


def _metas(head: Head, names: tuple[str, ...]) -> list[tuple[str, Json]]:
    return [("opengraph" if ":" in name else "meta", head.meta(name)) for name in names]


def _author_candidates(head: Head, own: Item, items: ItemStore) -> Iterable[tuple[str, list[str]]]:
    given = items.resolve(own.get("author"))
    members = given if isinstance(given, list) else [given]
    yield "jsonld", texts_of([items.resolve(member) for member in members])
    for name in _AUTHOR_META:
        yield "meta", head.metas(name)
    yield "html", list(head.authors)


def _author(names: list[str]) -> str | None:
    clean = [_BY.sub("", name).strip(" ,;|") for name in names if "://" not in name and "@" not in name]
    joined = ", ".join(dict.fromkeys(name for name in clean if name))
    return joined if 0 < len(joined) <= _MAX_AUTHOR_CHARS else None


def _tags(picked: _Picked, head: Head, own: Item) -> tuple[str, ...]:
    sources = [("jsonld", texts_of(own.get("keywords"))), *(("meta", head.metas(name)) for name in _TAG_META)]
    for origin, texts in sources:
        parts = [part.strip() for text in texts for part in text.split(",")]
        tags = tuple(dict.fromkeys(part for part in parts if 0 < len(part) <= 60))[:_MAX_TAGS]
        if tags:
            picked.provenance["tags"] = origin
            return tags
    return ()


def _language(text: str | None) -> str | None:
    found = _LANGUAGE.match((text or "").strip())
    return found[1].lower() if found else None


def web_url(base_url: str, link: str | None) -> str | None:
    """`link` as an absolute http(s) URL, `None` if it is none."""
    if not link:
        return None
    try:
        joined = urljoin(base_url, link.strip())
        parts = urlsplit(joined)
    except ValueError:
        return None
    return joined if parts.scheme in ("http", "https") and parts.netloc else None
