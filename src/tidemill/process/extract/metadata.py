"""What a page says of itself: JSON-LD, OpenGraph, meta tags, `<link rel=canonical>`, `<html lang>`, `<title>`, `<h1>`.

Comes in: the tree; goes out: `Metadata`, each value with its origin. Called through `Page.metadata`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tidemill.markup import LexborHTMLParser
from tidemill.models.document import Json, origin
from tidemill.process.extract.authors import join_authors
from tidemill.process.extract.choices import Candidate, disagreements, preferred, ranked
from tidemill.process.extract.head import Head, read_head
from tidemill.process.extract.jsonld import Item, ItemStore, text_of, texts_of, types_of
from tidemill.process.extract.links import web_url
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
_DISCUSSION_TYPES = frozenset(("DiscussionForumPosting", "QAPage"))
_DISCUSSION_URL = re.compile(
    r"forum|/threads?/|/topics?/|/t/|viewtopic|showthread|/questions?/|discuss|community\.|/comments/|/posts?/\d|boards?\.",
    re.IGNORECASE,
)
_DISCUSSION_SOFTWARE = re.compile(
    r"discourse|xenforo|vbulletin|phpbb|vanilla|invision|flarum|simple machines|smf|mybb", re.IGNORECASE
)
_AUTHOR_META = (
    "author", "article:author", "parsely-author", "sailthru.author", "dc.creator", "dc.contributor.author",
    "dcterms.creator", "citation_author", "byl", "byline", "article.author", "article:author_name", "og:author",
    "twitter:creator_name", "cxenseparse:author", "authors",
)  # fmt: skip
_TAG_META = ("article:tag", "keywords", "news_keywords", "parsely-tags", "sailthru.tags")
_LANGUAGE = re.compile(r"([a-zA-Z]{2})(?:[-_]|$)")
_MAX_TAGS = 30
_MAX_TAG_CHARS = 60


@dataclass(frozen=True, slots=True)
class Metadata:
    """Values as found, `None` where there is none; `provenance` names the origin of each.

    `own` is the item that describes the page itself (`{}` if none does), `locale` the language with its region.
    `is_discussion`: what others write is its content. `disagreements` are as in `Draft`.
    """

    head: Head
    items: ItemStore
    own: Item
    is_article: bool
    is_discussion: bool = False
    title: str | None = None
    heading: str | None = None
    author: str | None = None
    language: str | None = None
    locale: str | None = None
    description: str | None = None
    canonical_url: str | None = None
    site_name: str | None = None
    image_url: str | None = None
    tags: tuple[str, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict)
    disagreements: tuple[dict[str, Json], ...] = ()

    @property
    def own_type(self) -> str:
        """By what name `own` is known."""
        return _type_name(self.own)


def read_metadata(
    tree: LexborHTMLParser, url: str, base_url: str, prefer: Mapping[str, Sequence[str]] | None = None
) -> Metadata:
    """All that the page says of itself. Nothing here fails: what cannot be read is not there."""
    head = read_head(tree)
    items = ItemStore(head.json_blocks)
    own = _own_item(items, url)
    picked = _Picked(base_url, prefer or {})
    _pick_texts(picked, head, own, items, url)
    _pick_links(picked, head, own, items)
    is_article = bool(types_of(own) & ARTICLE_TYPES) or (head.meta("og:type") or "").lower() == "article"
    return Metadata(
        head=head,
        items=items,
        own=own,
        is_article=is_article,
        is_discussion=_is_discussion(items, head, url),
        heading=head.headings[0] if len(head.headings) == 1 else None,
        locale=head.language or head.meta("og:locale"),
        tags=_tags(picked, head, own),
        provenance=picked.provenance,
        disagreements=tuple(picked.disagreements),
        **picked.texts,
    )


class _Picked:
    """Collects the first good value of each field together with where it came from."""

    def __init__(self, base_url: str, prefer: Mapping[str, Sequence[str]]) -> None:
        self.base_url = base_url
        self.prefer = prefer
        self.texts: dict[str, str] = {}
        self.provenance: dict[str, str] = {}
        self.disagreements: list[dict[str, Json]] = []

    def text(self, name: str, candidates: Iterable[tuple[str, Json]]) -> None:
        given = [Candidate(found, at) for at, value in candidates if (found := text_of(value))]
        self.choose(name, ranked(name, given, self.prefer), recorded=name == "language")

    def link(self, name: str, candidates: Iterable[tuple[str, Json]]) -> None:
        given = [
            Candidate(found, at)
            for at, value in candidates
            if (found := web_url(self.base_url, text_of(value))) and not _is_root(found, self.base_url)
        ]
        self.choose(name, ranked(name, given, self.prefer), recorded=name == "canonical_url")

    def choose(self, name: str, candidates: list[Candidate[str]], *, recorded: bool = True) -> None:
        """Takes the first of what is in its order, and records what the others say."""
        if candidates:
            self.texts[name], self.provenance[name] = candidates[0].value, candidates[0].origin
            self.disagreements += disagreements(name, candidates) if recorded else ()


def _pick_texts(picked: _Picked, head: Head, own: Item, items: ItemStore, url: str) -> None:
    site = text_of(items.resolve(own.get("publisher")))
    kind = _type_name(own)
    names = [(_og("og:site_name"), head.meta("og:site_name")), (_jsonld(kind, "publisher"), site)]
    picked.text("site_name", [*names, (_meta("application-name"), head.meta("application-name"))])
    declared = [
        (text, at)
        for at, text in (
            (_jsonld(kind, "headline"), text_of(own.get("headline")) or text_of(own.get("name"))),
            (_og("og:title"), head.meta("og:title")),
            (origin("html", "1", "title"), head.title),
        )
        if text
    ]
    titles = choose_title(head.headings, declared, picked.texts.get("site_name"), url)
    picked.choose("title", preferred("title", [Candidate(*title) for title in titles if title[0]], picked.prefer))
    descriptions = (
        (_jsonld(kind, "description"), own.get("description")),
        (_og("og:description"), head.meta("og:description")),
        (_meta("description"), head.meta("description")),
    )
    picked.text("description", descriptions)
    languages = (
        (_jsonld(kind, "inLanguage"), _language(text_of(own.get("inLanguage")))),
        (origin("html", "1", "html[lang]"), _language(head.language)),
        (_og("og:locale"), _language(head.meta("og:locale"))),
    )
    picked.text("language", languages)
    authors = [
        Candidate(joined, at)
        for at, given in _author_candidates(head, own, items, kind)
        if (joined := join_authors(given, picked.texts.get("site_name")))
    ]
    picked.choose("author", ranked("author", authors, picked.prefer))


def _pick_links(picked: _Picked, head: Head, own: Item, items: ItemStore) -> None:
    canonical = [(origin("html", "1", "link[rel=canonical]"), head.canonical), (_og("og:url"), head.meta("og:url"))]
    picked.link("canonical_url", canonical)
    image = items.resolve(own.get("image"))
    if isinstance(image, list) and image:
        image = items.resolve(image[0])
    if isinstance(image, dict):
        image = image.get("url") or image.get("contentUrl")
    images = [(_og("og:image"), head.meta("og:image")), (_jsonld(_type_name(own), "image"), image)]
    picked.link("image_url", [*images, (_meta("twitter:image"), head.meta("twitter:image"))])


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


def _is_discussion(items: ItemStore, head: Head, url: str) -> bool:
    if any(types_of(item) & _DISCUSSION_TYPES for item in items.top):
        return True
    return (
        _DISCUSSION_URL.search(url) is not None or _DISCUSSION_SOFTWARE.search(head.meta("generator") or "") is not None
    )


def _same_page(item: Item, url: str) -> bool:
    addresses = [item.get("url"), item.get("@id"), item.get("mainEntityOfPage")]
    given = [value.get("@id") if isinstance(value, dict) else value for value in addresses]
    return any(isinstance(value, str) and _bare(value) == _bare(url) for value in given)


def _bare(url: str) -> str:
    return url.partition("#")[0].partition("?")[0].partition("://")[2].removeprefix("www.").rstrip("/")


def _is_root(url: str, base_url: str) -> bool:
    """Whether a canonical URL is a site's front page, but the page is none: a mistake of its template."""
    return not urlsplit(url).path.strip("/") and not urlsplit(url).query and bool(urlsplit(base_url).path.strip("/"))


def _author_candidates(head: Head, own: Item, items: ItemStore, kind: str) -> Iterator[tuple[str, list[str]]]:
    for name in ("author", "creator"):
        given = items.resolve(own.get(name))
        members = given if isinstance(given, list) else [given]
        yield _jsonld(kind, name), texts_of([items.resolve(member) for member in members])
    for name in _AUTHOR_META:
        yield _og(name) if name.startswith(("og:", "article:")) else _meta(name), head.metas(name)
    yield origin("microdata", "1", "author"), head.marked.get("author", [])
    yield origin("html", "1", "[rel=author]"), head.marked.get("rel=author", [])[:1]


def _tags(picked: _Picked, head: Head, own: Item) -> tuple[str, ...]:
    declared = (_jsonld(_type_name(own), "keywords"), texts_of(own.get("keywords")))
    for at, texts in (declared, *((_og(name) if ":" in name else _meta(name), head.metas(name)) for name in _TAG_META)):
        parts = [part.strip(" #\"'") for text in texts for part in text.split(",")]
        folded = {part.casefold(): part for part in reversed(parts) if 0 < len(part) <= _MAX_TAG_CHARS}
        if tags := tuple(reversed(folded.values()))[:_MAX_TAGS]:
            picked.provenance["tags"] = at
            return tags
    return ()


def _language(text: str | None) -> str | None:
    found = _LANGUAGE.match((text or "").strip())
    return found[1].lower() if found else None


def _type_name(own: Item) -> str:
    return min(types_of(own), key=lambda name: (name not in ARTICLE_TYPES, name), default="Thing")


def _jsonld(kind: str, name: str) -> str:
    return origin("jsonld", "1", f"{kind}.{name}")


def _og(name: str) -> str:
    return origin("opengraph", "1", name)


def _meta(name: str) -> str:
    return origin("meta", "1", name)
