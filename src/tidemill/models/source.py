"""A source: what a team wants kept, as it is written down in YAML and as it stands in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tidemill.models.priority import MEDIUM

KINDS = ("website", "sitemap", "feed", "json_api", "ical", "files", "warc")
"""What a source may be; see `SourceSpec`."""

LOCAL_KINDS = ("files", "warc")
"""Kinds whose `start` are paths of this machine."""

FETCH_MODES = ("http", "browser", "auto")
"""How pages are fetched: plainly, in a browser, or in a browser only if they are empty without JavaScript."""


FIELD_TYPES = ("text", "html", "integer", "number", "boolean", "date", "datetime", "url", "json")
"""What a selected value may be made into."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One value of a document, by exactly one of `css`, `xpath` and `path` (names and indexes of JSON joined by dots).

    Without `attribute` the text of the element is taken. `transform` is done in its order (see docs/reference), then
    the value is made into `type`. `many` takes all matches as a list. A value that is not there is `default`; if that
    is `None`, too, and the value `required`, the document is invalid. In YAML a string stands for a rule: a `path` in
    a `json_api` source, a `css` selector in others.
    """

    css: str | None = None
    xpath: str | None = None
    path: str | None = None
    attribute: str | None = None
    type: str = "text"
    many: bool = False
    required: bool = False
    default: str | int | float | bool | None = None
    transform: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemsRule:
    """The repeated parts of a page that are a document each, by exactly one of `css`, `xpath` and `path`.

    `kind` is what they are (`event`, `product`, any word). `key` names the fields that tell them apart (default: `url`
    if there is one, else `title` and `start`). `only`: the page has no document of its own beside them.
    """

    css: str | None = None
    xpath: str | None = None
    path: str | None = None
    kind: str = "item"
    key: tuple[str, ...] = ()
    only: bool = True


@dataclass(frozen=True, slots=True)
class CheckRule:
    """What one value of a document must be like: a number's range, a text's length in characters, a list's in members.

    `type` is one of `FIELD_TYPES`; `pattern` a regular expression that the whole text must match.
    """

    type: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LanguageModelRules:
    """Which fields a language model is asked for (name → what is wanted, in words), and of how many pages of a run.

    Nothing is asked unless `process.llm.url` is set and `fields` are given. `schema` is a JSON schema that the answer
    must satisfy; default: an object with text or null for each field.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    schema: Mapping[str, Any] = field(default_factory=dict)
    max_pages: int = 1000


@dataclass(frozen=True, slots=True)
class ProcessRules:
    """What the process stage makes of a source's pages, and demands of its documents.

    `fields` are values by selectors, names of a document (`title`, `content`, `author`, `published_at` …) or any other;
    with `items` they are looked for in each item, otherwise in the page. `kind` renames the page's own documents.
    `time_zone` (IANA) is that of times written without one. `prefer` says for a value which origins go first
    (`{"title": ("jsonld", "h1")}`). `near_duplicates` is the similarity (Jaccard, of word shingles) from which a text
    counts as the same; `None`: only equal ones do. `across_sources`: duplicates are looked for in other sources, too.
    A page below `min_words` or above `max_words` is invalid, and so is one that fails a check, the JSON schema `schema`
    (of the document as exported), or lacks a value that is `required`.
    """

    kind: str | None = None
    fields: Mapping[str, FieldRule] = field(default_factory=dict)
    items: ItemsRule | None = None
    time_zone: str | None = None
    prefer: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    min_words: int = 5
    max_words: int | None = None
    languages: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    checks: Mapping[str, CheckRule] = field(default_factory=dict)
    schema: Mapping[str, Any] = field(default_factory=dict)
    near_duplicates: float | None = 0.75
    across_sources: bool = True
    entities: bool = False
    llm: LanguageModelRules = field(default_factory=LanguageModelRules)


@dataclass(frozen=True, slots=True)
class QueryRules:
    """Which query parameters tell pages apart: those of `keep` alone (if it is given), without those of `drop`."""

    keep: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ObeyRules:
    """Which wishes of a page are followed.

    `nofollow` and `noindex` are those of rel, of the robots meta tag and of X-Robots-Tag. With `canonical` a page that
    names another page of the source as its canonical one ends as `redirected` to that.
    """

    nofollow: bool = True
    noindex: bool = True
    canonical: bool = False


@dataclass(frozen=True, slots=True)
class RequestRules:
    """What is sent with each request to the source's hosts, and through which proxy.

    Values of `headers` and `cookies`, `password` and `proxies` may hold `${secret:NAME}`, which stands for the setting
    `secrets.NAME`; what is a secret may be written in no other way. `session` keeps the cookies that the site sets, for
    the time of a run. `proxy_rotation` is `request` (the next proxy each time) or `host` (one proxy for each host).
    """

    user_agent: str | None = None
    contact_url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    username: str | None = None
    password: str | None = None
    session: bool = False
    proxies: tuple[str, ...] = ()
    proxy_rotation: str = "request"


@dataclass(frozen=True, slots=True)
class RecrawlRules:
    """How often a page is due again: first after `first_hours`, then learned from how often it changes.

    The learned interval stays between `min_hours` and `max_hours`. With `lastmod` a page that its sitemap or feed says
    has not changed since is not asked for, as long as `max_hours` are not over.
    """

    first_hours: float = 24.0
    min_hours: float = 1.0
    max_hours: float = 720.0
    lastmod: bool = True


@dataclass(frozen=True, slots=True)
class ApiRules:
    """How a paged JSON API is read. Paths are names and indexes joined by dots (`data.items`, `links.0.href`).

    `items` is the path of the list of items (empty: the answer is the list). `url` gives an item its address: a path
    in the item, or a template such as `https://example.org/articles/{id}`. With `follow` that address is fetched as a
    page; otherwise the item itself becomes a document, by `process.fields`.
    At most one way to the next page: `next_url` (the path of its address), `cursor` (the path of a value that is sent
    as `cursor_parameter`), or `page_parameter` (counted up from `first_page` until a page has no items).
    """

    items: str = ""
    url: str = ""
    follow: bool = False
    next_url: str | None = None
    cursor: str | None = None
    cursor_parameter: str = "cursor"
    page_parameter: str | None = None
    first_page: int = 1


@dataclass(frozen=True, slots=True)
class FeedRules:
    """What a feed is for: with `follow` its entries' pages are fetched; otherwise the entries themselves are documents.

    The second is for feeds that hold whole articles, and for sites whose pages cannot be fetched.
    """

    follow: bool = True


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """How long what a source left is kept: captures older than so many days may go; `None` keeps all of them.

    What a page shows now, and what is not processed, stays however old it is; documents and versions keep their text.
    """

    captures_days: float | None = None


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A source as its owner writes it. `None` means the setting's default.

    `start` are the URLs a run begins with: pages (`website`), sitemaps, feeds, pages of an API (`json_api`), calendars
    (`ical`), or paths of this machine: a folder or a list of URLs (`files`), WARC files (`warc`). The files of a folder
    are known by their file URL, or below `base_url`.
    A URL is in scope if its host is one of `hosts` (default: the hosts of `start`), its URL begins with one of `within`
    (default: anything on the hosts), matches one of the regular expressions `allow` (if any) and none of `deny`.
    `rate_per_s` is requests a second to each host, 0 for no limit; `delay_s` the least time between two of them.
    `priority` is the part that its pages have of the processors, if more waits than they can do at once.
    `max_pages` and `max_bytes` bound a run, `trap_budget` the URLs that differ only in one query parameter.
    """

    name: str
    kind: str = "website"
    start: tuple[str, ...] = ()
    description: str = ""
    priority: str = MEDIUM
    base_url: str | None = None
    hosts: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    query: QueryRules = field(default_factory=QueryRules)
    obey: ObeyRules = field(default_factory=ObeyRules)
    sitemaps: bool = True
    max_pages: int | None = None
    max_depth: int | None = None
    max_bytes: int | None = None
    trap_budget: int | None = None
    rate_per_s: float | None = None
    delay_s: float | None = None
    concurrency: int | None = None
    fetch: str = "http"
    screenshot: bool = False
    request: RequestRules = field(default_factory=RequestRules)
    recrawl: RecrawlRules = field(default_factory=RecrawlRules)
    api: ApiRules = field(default_factory=ApiRules)
    feed: FeedRules = field(default_factory=FeedRules)
    retention: RetentionRules = field(default_factory=RetentionRules)
    process: ProcessRules = field(default_factory=ProcessRules)


@dataclass(frozen=True, slots=True)
class Source:
    """A source as it stands in the store. `adhoc` ones were made by crawling a URL."""

    id: str
    spec: SourceSpec
    version: int
    adhoc: bool
    created_at: datetime
    updated_at: datetime
    documents: int = 0

    @property
    def name(self) -> str:
        """The name people call it by; unique."""
        return self.spec.name


@dataclass(frozen=True, slots=True)
class SourceVersion:
    """A source as it was written at one time."""

    version: int
    spec: SourceSpec
    created_at: datetime
