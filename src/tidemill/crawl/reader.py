"""What an answer holds: a page with its links, a listing of pages, or something that is no page at all.

In: a visit and the answer with its bytes. Out: a `Fetched` with what is to be archived. Called by the fetcher for each
answer that brought a body; whatever is wrong with the content ends here, as the visit's outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256

from tidemill.crawl.directives import directives
from tidemill.crawl.discover.feed import looks_like_feed, read_feed
from tidemill.crawl.discover.json_api import read_api
from tidemill.crawl.discover.listing import Listed, Listing
from tidemill.crawl.discover.sitemap import read_sitemap
from tidemill.crawl.discovery import Discovery
from tidemill.crawl.links import LinkReader, Links
from tidemill.crawl.verdicts import judge, needs_browser
from tidemill.errors import Invalid, Permanent
from tidemill.markup.charset import decode
from tidemill.markup.parse import parse_html
from tidemill.models.capture import FEED_MEDIA_TYPES, Capture
from tidemill.models.ids import new_id, page_id
from tidemill.models.outcome import Outcome
from tidemill.models.source import LOCAL_KINDS, SourceSpec
from tidemill.models.url import url_key
from tidemill.models.visit import Fetched, Found, Visit
from tidemill.net import Response
from tidemill.telemetry.logs import get_logger

HTML = frozenset({"text/html", "application/xhtml+xml"})
XML = frozenset({"text/xml", "application/xml"})
JSON = "application/json"
_CALENDAR = "text/calendar"
_FEED = "application/rss+xml"
_PASSING = (429, 503)
_DEFENCES = ("challenge", "captcha")  # of those that answer so, only these will answer so again
_MAYBE_FEEDS = XML | {JSON}
_LONG_BYTES = 64 * 1024
_GZIP = b"\x1f\x8b"
_JSON_KINDS = ("json_api", "files", "warc")
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Catch:
    """What a visit brought home: what became of it, and what is to be archived: its body, and others by their hash.

    `is_shell`: the page is empty without JavaScript.
    """

    fetched: Fetched
    body: bytes | None = None
    aside: Mapping[str, bytes] = field(default_factory=dict)
    is_shell: bool = False

    @property
    def size_bytes(self) -> int:
        """How much is to be archived."""
        return len(self.body or b"") + sum(map(len, self.aside.values()))


class Reader:
    """Reads the answers of one run. `media_types` are those that give documents."""

    def __init__(
        self,
        spec: SourceSpec,
        discovery: Discovery,
        *,
        product: str,
        media_types: frozenset[str],
        max_body_bytes: int,
        relink: bool,
    ) -> None:
        self._spec = spec
        self._discovery = discovery
        self._product = product
        self._media_types = media_types if spec.kind in _JSON_KINDS else media_types - {JSON}
        self._max_body_bytes = max_body_bytes
        self._relink = relink
        self._follows = spec.kind == "website"
        self._only_type = _only_type(spec)
        # Folders, lists and archives say themselves what they hold; a feed among their files leads into all the web.
        self._reads_feeds = spec.kind not in LOCAL_KINDS
        self._links = LinkReader(product)

    def wants(self, visit: Visit, media_type: str) -> bool:
        """Whether a body of this type is of any use for the visit."""
        if visit.kind != "page" or not media_type or self._only_type is not None:
            return True
        return media_type in self._media_types or media_type in _MAYBE_FEEDS or media_type in FEED_MEDIA_TYPES

    def is_long(self, visit: Visit, answer: Response) -> bool:
        """Whether this is a listing so large that other visits should not wait until it is read: it may take seconds.

        Reading one in a thread is safe; pages are to be read by one thread, whose cache of links they share.
        """
        is_listing = visit.kind != "page" or answer.media_type in FEED_MEDIA_TYPES
        return is_listing and (len(answer.body) > _LONG_BYTES or answer.body.startswith(_GZIP))

    def read(self, visit: Visit, answer: Response, now: datetime) -> Catch:
        """What a 2xx answer is."""
        if visit.kind == "sitemap":
            return self._listing(visit, lambda: self._sitemap(answer), "sitemap", now)
        if not answer.body_read:
            return Catch(Fetched(visit, Outcome.SKIPPED, "media_type"))
        if visit.kind == "feed" and self._spec.kind == "json_api":
            return self._listing(visit, lambda: read_api(answer.body, visit.url, self._spec.api), "json_api", now)
        if self._only_type is not None:
            return self._captured(visit, answer, now)
        generic = answer.media_type in _MAYBE_FEEDS or answer.media_type in FEED_MEDIA_TYPES
        if visit.kind == "feed" or (self._reads_feeds and generic and _is_feed(answer)):
            return self._listing(visit, lambda: read_feed(answer.body, visit.url, answer.media_type), "feed", now)
        if generic and answer.media_type not in self._media_types:
            return Catch(Fetched(visit, Outcome.SKIPPED, "media_type"))
        return self._captured(visit, answer, now)

    def refused(self, visit: Visit, answer: Response, now: datetime) -> Catch | None:
        """What an error page really is, if it is a wall of the site that protects itself: kept, with its name."""
        if answer.media_type not in HTML or not answer.body:
            return None
        try:
            text, _ = decode(answer.body, answer.content_type)
            verdict = judge(answer.status, answer.headers, parse_html(text), text, visit.url)
        except Permanent:
            return None
        if verdict is None or (answer.status in _PASSING and verdict.reason not in _DEFENCES):
            return None
        capture = self._capture(visit, answer, now)
        _say(visit, verdict.outcome, verdict.reason, verdict.confidence, verdict.evidence)
        return Catch(Fetched(visit, verdict.outcome, verdict.reason, capture=capture), answer.body)

    def listing(self, visit: Visit, listing: Listing, now: datetime, reason: str | None = None) -> Catch:
        """What a listing gives: pages, further listings, and the items that it holds itself.

        In the ledger it is `skipped`, with the reason what it is: by default the kind of the source.
        """
        pages = [listed for listed in listing.pages if listed.item is None]
        found, outside = self._discovery.listed(visit, pages)
        for url in listing.further:
            found += self._discovery.aside(visit, url, visit.kind if visit.kind != "page" else "feed")
        aside: dict[str, bytes] = {}
        items: dict[str, Found] = {}
        for listed in listing.pages:
            if listed.item is not None:
                for item in self._item(visit, listed, aside, now):
                    items.setdefault(item.url, item)
        found += items.values()
        fetched = Fetched(visit, Outcome.SKIPPED, reason or self._spec.kind, found=tuple(found), out_of_scope=outside)
        return Catch(fetched, aside=aside)

    def _item(self, visit: Visit, listed: Listed, aside: dict[str, bytes], now: datetime) -> list[Found]:
        try:
            url = url_key(listed.url)
        except Invalid:
            return []
        body = listed.item or b""
        body_hash = sha256(body).hexdigest()
        aside[body_hash] = body
        capture = Capture(
            id=new_id(),
            run_id=visit.run_id,
            page_id=page_id(visit.source_id, url),
            source_id=visit.source_id,
            url=url,
            fetched_at=now,
            status_code=200,
            media_type=JSON,
            content_type=JSON,
            body_hash=body_hash,
            size_bytes=len(body),
            priority=self._spec.priority,
        )
        return [self._discovery.item(visit, listed, capture)]

    def _listing(self, visit: Visit, read: Callable[[], Listing], reason: str, now: datetime) -> Catch:
        try:
            return self.listing(visit, read(), now, reason)
        except Permanent as error:
            return Catch(Fetched(visit, Outcome.FAILED, error.reason))

    def _sitemap(self, answer: Response) -> Listing:
        return read_sitemap(answer.body, max_bytes=self._max_body_bytes)

    def _captured(self, visit: Visit, answer: Response, now: datetime) -> Catch:
        capture = self._capture(visit, answer, now)
        is_same = capture.body_hash == visit.body_hash
        if capture.media_type in HTML and (self._relink or not is_same):
            return self._page(visit, capture, answer, now)
        fetched = _kept(visit, capture, answer)
        if is_same and not self._relink:
            return Catch(fetched, answer.body)
        if self._spec.obey.noindex and directives((), answer.headers, self._product).forbids_index(now):
            fetched = replace(fetched, outcome=Outcome.SKIPPED, reason="noindex")
        return Catch(fetched, answer.body)

    def _page(self, visit: Visit, capture: Capture, answer: Response, now: datetime) -> Catch:
        """What a page is and where it leads: a wall or a missing page ends here, any other gives its links.

        One whose markup is a trap for parsers has none; the process stage says why.
        """
        obey = self._spec.obey
        try:
            text, _ = decode(answer.body, answer.content_type)
            tree = parse_html(text)
        except Permanent:
            return Catch(_kept(visit, capture, answer), answer.body)
        verdict = judge(answer.status, answer.headers, tree, text, visit.url)
        if verdict is not None and capture.body_hash != visit.body_hash:
            _say(visit, verdict.outcome, verdict.reason, verdict.confidence, verdict.evidence)
            fetched = _kept(visit, capture, answer)
            return Catch(replace(fetched, outcome=verdict.outcome, reason=verdict.reason), answer.body)
        is_shell = self._spec.fetch == "auto" and needs_browser(tree, text, visit.url) is not None
        links = self._links.read(tree, visit.url, answer.headers)
        wishes = directives(links.robots, answer.headers, self._product)
        found, outside = self._followed(visit, links, all_unfollowed=wishes.nofollow) if self._follows else ([], 0)
        fetched = _kept(visit, capture, answer, found=tuple(found), out_of_scope=outside)
        if obey.noindex and wishes.forbids_index(now):
            fetched = replace(fetched, outcome=Outcome.SKIPPED, reason="noindex")
        elif obey.canonical and links.canonical is not None:
            fetched = self._canonical(fetched, links.canonical)
        return Catch(fetched, answer.body, is_shell=is_shell)

    def _followed(self, visit: Visit, links: Links, *, all_unfollowed: bool) -> tuple[list[Found], int]:
        """The links of a page: those to follow, those it asks not to follow, and the feeds it announces; and how many
        lead out of the source."""
        depth = visit.depth + 1
        followed: Iterable[str] = links.pages
        unfollowed: Iterable[str] = ()
        if self._spec.obey.nofollow and all_unfollowed:
            followed, unfollowed = (), links.pages
        elif self._spec.obey.nofollow and links.nofollow:
            followed = [url for url in links.pages if url not in links.nofollow]
            unfollowed = [url for url in links.pages if url in links.nofollow]
        found, outside = self._discovery.pages(followed, depth)
        found += self._discovery.unfollowed(unfollowed, depth)
        for url in links.feeds:
            found += self._discovery.aside(visit, url, "feed")
        return found, outside

    def _canonical(self, fetched: Fetched, canonical: str) -> Fetched:
        """A page that names another page of the source as its canonical one is that page."""
        hop = self._discovery.hop(fetched.visit, canonical)
        if hop is None or hop.url == fetched.visit.url or fetched.visit.hops:
            return fetched
        return replace(
            fetched,
            outcome=Outcome.REDIRECTED,
            reason="canonical",
            redirect_to=hop.url,
            found=(*fetched.found, hop),
        )

    def _capture(self, visit: Visit, answer: Response, now: datetime) -> Capture:
        return Capture(
            id=new_id(),
            run_id=visit.run_id,
            page_id=visit.page_id,
            source_id=visit.source_id,
            url=visit.url,
            fetched_at=answer.fetched_at or now,
            status_code=answer.status,
            media_type=self._only_type or answer.media_type or _sniffed(answer.body),
            content_type=answer.content_type,
            body_hash=sha256(answer.body).hexdigest(),
            size_bytes=len(answer.body),
            priority=self._spec.priority,
        )


def _kept(
    visit: Visit, capture: Capture, answer: Response, *, found: tuple[Found, ...] = (), out_of_scope: int = 0
) -> Fetched:
    """What is kept of an answer: to be processed, unless its bytes are those of the last time."""
    is_same = capture.body_hash == visit.body_hash
    return Fetched(
        visit,
        outcome=Outcome.UNCHANGED if is_same else None,
        reason="same_bytes" if is_same else None,
        capture=capture,
        found=found,
        out_of_scope=out_of_scope,
        etag=answer.headers.get("ETag"),
        last_modified=answer.headers.get("Last-Modified"),
    )


def _say(visit: Visit, outcome: Outcome, reason: str, confidence: float, evidence: tuple[str, ...]) -> None:
    _log.info(
        "the page is no content",
        action="crawl.verdict",
        url=visit.url,
        outcome=outcome.value,
        reason=reason,
        confidence=confidence,
        evidence=list(evidence),
    )


def _only_type(spec: SourceSpec) -> str | None:
    """What every answer is taken for, whatever the server calls it, if the source is of one such kind."""
    if spec.kind == "ical":
        return _CALENDAR
    return _FEED if spec.kind == "feed" and not spec.feed.follow else None


def _is_feed(answer: Response) -> bool:
    return answer.media_type in FEED_MEDIA_TYPES or looks_like_feed(answer.body)


def _sniffed(body: bytes) -> str:
    """The media type of a body that came without one (a small part of the WHATWG MIME Sniffing standard)."""
    start = body[:1024].lstrip().lower()
    if start.startswith(b"%pdf-"):
        return "application/pdf"
    if start.startswith(b"begin:vcalendar"):
        return _CALENDAR
    return "text/html" if start.startswith(b"<") else "text/plain"
