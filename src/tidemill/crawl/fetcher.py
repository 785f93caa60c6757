"""One visit, from the lease to what became of it.

In: a leased `Visit`. Out: a `Fetched` with its body (for the archive), its outcome, or the time to try again; and the
links it found. Whatever goes wrong with one page ends here, as its outcome.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from urllib.parse import urljoin

from tidemill.crawl.discover.feed import FEED_MEDIA_TYPES, looks_like_feed, read_feed
from tidemill.crawl.discover.sitemap import read_sitemap
from tidemill.crawl.links import LinkReader
from tidemill.crawl.politeness import retry_delay_s
from tidemill.crawl.robots import Robots, Rules
from tidemill.crawl.scope import Scope
from tidemill.crawl.verdicts import judge
from tidemill.errors import Forbidden, Invalid, Permanent, TidemillError, Transient
from tidemill.markup.charset import decode
from tidemill.markup.parse import parse_html
from tidemill.models.capture import Capture
from tidemill.models.ids import new_id
from tidemill.models.outcome import Outcome
from tidemill.models.url import url_key, url_origin
from tidemill.models.visit import Fetched, Found, Visit
from tidemill.net import Client, Response
from tidemill.settings import CrawlSettings, NetSettings
from tidemill.store.engine import Store

HTML = frozenset({"text/html", "application/xhtml+xml"})
DOCUMENTS = HTML | {"application/pdf", "text/plain"}
_XML = frozenset({"text/xml", "application/xml"})
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_SEEN_SIZE = 2_000_000


@dataclass(frozen=True, slots=True)
class Catch:
    """What a visit brought home: what became of it, and what is to be archived: its body, and others by their hash."""

    fetched: Fetched
    body: bytes | None = None
    aside: Mapping[str, bytes] = field(default_factory=dict)


class Fetcher:
    """Fetches the visits of one run. With `relink` pages are asked for whole and their links read, changed or not."""

    def __init__(
        self,
        *,
        client: Client,
        robots: Robots,
        scope: Scope,
        store: Store,
        settings: CrawlSettings,
        net: NetSettings,
        sitemaps: bool,
        allow_private: bool | None,
        rng: random.Random,
        relink: bool = False,
    ) -> None:
        self._client = client
        self._robots = robots
        self._scope = scope
        self._store = store
        self._settings = settings
        self._net = net
        self._sitemaps = sitemaps
        self._allow_private = allow_private
        self._rng = rng
        self._relink = relink
        self._links = LinkReader()
        self._seen: dict[str, int] = {}

    def forget_seen(self) -> None:
        """Report links again that were reported before: what was reported may not have been written."""
        self._seen.clear()

    async def fetch(self, visit: Visit) -> Catch:
        """Fetch one visit. Never raises for anything that the site or its content does."""
        if visit.kind == "page":
            if not self._scope.covers(visit.url):
                return Catch(Fetched(visit, Outcome.SKIPPED, "out_of_scope"))
            refusal = self._scope.refusal(visit.url, visit.depth)
            if refusal is not None:
                return Catch(Fetched(visit, Outcome.SKIPPED, refusal))
        aside: Rules | None = None
        try:
            if self._settings.robots:
                rules, fresh = await self._robots.rules(visit.origin)
                aside = rules if fresh else None
                if not rules.allows(visit.url, self._settings.product, self._store.now()):
                    return self._with_aside(Catch(Fetched(visit, Outcome.SKIPPED, "robots")), aside)
            catch = await self._get(visit)
        except TidemillError as error:
            catch = Catch(self._failed(visit, error))
        return self._with_aside(catch, aside)

    def _with_aside(self, catch: Catch, rules: Rules | None) -> Catch:
        """Add what came with the host's robots.txt: its cost, and the sitemaps that it declares."""
        if rules is None:
            return catch
        fetched = catch.fetched
        declared: list[Found] = []
        if self._sitemaps:
            for url in rules.sitemaps:
                declared += self._aside_page(url, "sitemap")
        fetched = replace(
            fetched,
            found=(*fetched.found, *declared),
            aside_requests=rules.requests,
            aside_bytes=rules.received_bytes,
        )
        return replace(catch, fetched=fetched)

    async def _get(self, visit: Visit) -> Catch:
        headers = {}
        if visit.etag and not self._relink:
            headers["If-None-Match"] = visit.etag
        if visit.last_modified and not self._relink:
            headers["If-Modified-Since"] = visit.last_modified
        sitemap = visit.kind == "sitemap"

        def wanted(status: int, media_type: str) -> bool:
            return (
                sitemap or visit.kind == "feed" or not media_type or media_type in DOCUMENTS | _XML | FEED_MEDIA_TYPES
            )

        answer = await self._client.get(visit.url, headers=headers, want=wanted, allow_private=self._allow_private)
        catch = self._judge(visit, answer)
        fetched = replace(
            catch.fetched,
            requests=1,
            received_bytes=answer.received_bytes,
            status_code=answer.status,
            elapsed_s=answer.elapsed_s,
        )
        return replace(catch, fetched=fetched)

    def _judge(self, visit: Visit, answer: Response) -> Catch:
        status = answer.status
        if status == 304 and (visit.etag or visit.last_modified):
            return Catch(Fetched(visit, Outcome.UNCHANGED, "not_modified"))
        if 300 <= status < 400 and "Location" in answer.headers:
            return Catch(self._redirected(visit, answer))
        if status in (401, 403, 407, 451):
            return Catch(Fetched(visit, Outcome.BLOCKED, f"http_{status}"))
        if status in (404, 410):
            return Catch(Fetched(visit, Outcome.GONE, f"http_{status}"))
        if status in _TRANSIENT:
            error = Transient(f"{visit.url} answered {status}", reason=f"http_{status}")
            error.retry_after_s = self._retry_after_s(answer)
            return Catch(self._failed(visit, error))
        if not 200 <= status < 300:
            return Catch(Fetched(visit, Outcome.FAILED, f"http_{status}"))
        return self._received(visit, answer)

    def _received(self, visit: Visit, answer: Response) -> Catch:
        if visit.kind == "sitemap":
            return Catch(self._sitemap(visit, answer))
        if not answer.body_read:
            return Catch(Fetched(visit, Outcome.SKIPPED, "media_type"))
        is_xml = answer.media_type in _XML
        if visit.kind == "feed" or answer.media_type in FEED_MEDIA_TYPES or (is_xml and looks_like_feed(answer.body)):
            return Catch(self._feed(visit, answer))
        if is_xml:
            return Catch(Fetched(visit, Outcome.SKIPPED, "media_type"))
        return self._captured(visit, answer)

    def _captured(self, visit: Visit, answer: Response) -> Catch:
        capture = Capture(
            id=new_id(),
            run_id=visit.run_id,
            page_id=visit.page_id,
            source_id=visit.source_id,
            url=visit.url,
            fetched_at=self._store.now(),
            status_code=answer.status,
            media_type=answer.media_type or _sniffed(answer.body),
            content_type=answer.content_type,
            body_hash=sha256(answer.body).hexdigest(),
            size_bytes=len(answer.body),
        )
        fetched = Fetched(
            visit,
            capture=capture,
            etag=answer.headers.get("ETag"),
            last_modified=answer.headers.get("Last-Modified"),
        )
        if capture.body_hash == visit.body_hash:
            fetched = replace(fetched, outcome=Outcome.UNCHANGED, reason="same_bytes")
            if not self._relink:
                return Catch(fetched, answer.body)
        if capture.media_type in HTML:
            fetched = self._read(fetched, answer)
        return Catch(fetched, answer.body)

    def _read(self, fetched: Fetched, answer: Response) -> Fetched:
        """What a page is and where it leads: a wall or a missing page ends here, any other gives its links.

        One whose markup is a trap for parsers has none; the process stage says why.
        """
        visit = fetched.visit
        try:
            text, _ = decode(answer.body, answer.content_type)
            tree = parse_html(text)
        except Permanent:
            return fetched
        verdict = judge(answer.status, answer.headers, tree, text, visit.url)
        if verdict is not None and fetched.outcome is None:
            return replace(fetched, outcome=verdict.outcome, reason=verdict.reason)
        links = self._links.read(tree, visit.url)
        found, outside = self._new_pages(links.pages, visit.depth + 1)
        for url in links.feeds:
            found += self._aside_page(url, "feed")
        return replace(fetched, found=tuple(found), out_of_scope=outside)

    def _new_pages(self, urls: tuple[str, ...], depth: int) -> tuple[list[Found], int]:
        """Those of these canonical URLs that are in scope and were not reported yet at this depth or nearer to the
        start, and how many are out of scope."""
        found: list[Found] = []
        outside = 0
        if len(self._seen) > _SEEN_SIZE:
            self._seen.clear()
        for url in urls:
            if self._seen.get(url, depth + 1) <= depth:
                continue
            if not self._scope.covers(url):
                outside += 1
                continue
            self._seen[url] = depth
            refusal = self._scope.refusal(url, depth)
            found.append(Found(url=url, origin=url_origin(url), depth=depth, skip=refusal))
        return found, outside

    def _aside_page(self, url: str, kind: str) -> list[Found]:
        """A sitemap or feed that a site declares: on its own host it counts as in scope, wherever it lies."""
        try:
            key = url_key(url)
        except Invalid:
            return []
        return [Found(url=key, origin=url_origin(key), kind=kind)] if self._scope.same_site(key) else []

    def _listed(self, visit: Visit, urls: tuple[str, ...]) -> tuple[tuple[Found, ...], int]:
        """The pages that a sitemap or feed lists."""
        keys: dict[str, None] = {}
        for url in urls:
            try:
                keys[url_key(urljoin(visit.url, url))] = None
            except (Invalid, ValueError):
                continue
        found, outside = self._new_pages(tuple(keys), visit.depth + 1)
        return tuple(found), outside

    def _sitemap(self, visit: Visit, answer: Response) -> Fetched:
        try:
            sitemap = read_sitemap(answer.body, max_bytes=self._net.max_body_bytes)
        except Permanent as error:
            return Fetched(visit, Outcome.FAILED, error.reason)
        found, outside = self._listed(visit, sitemap.pages)
        further = [each for url in sitemap.sitemaps for each in self._aside_page(url, "sitemap")]
        return Fetched(visit, Outcome.SKIPPED, "sitemap", found=(*found, *further), out_of_scope=outside)

    def _feed(self, visit: Visit, answer: Response) -> Fetched:
        try:
            items = read_feed(answer.body)
        except Permanent as error:
            return Fetched(visit, Outcome.FAILED, error.reason)
        found, outside = self._listed(visit, items)
        return Fetched(visit, Outcome.SKIPPED, "feed", found=found, out_of_scope=outside)

    def _redirected(self, visit: Visit, answer: Response) -> Fetched:
        try:
            target = url_key(urljoin(visit.url, answer.headers["Location"]))
        except (Invalid, ValueError):
            return Fetched(visit, Outcome.FAILED, "bad_redirect")
        if target == visit.url:
            return Fetched(visit, Outcome.FAILED, "redirect_loop")
        if visit.hops + 1 > self._settings.max_hops:
            return Fetched(visit, Outcome.FAILED, "too_many_redirects", redirect_to=target)
        reason = f"http_{answer.status}"
        in_scope = self._scope.covers if visit.kind == "page" else self._scope.same_site
        if not in_scope(target):
            return Fetched(visit, Outcome.REDIRECTED, "out_of_scope", redirect_to=target, out_of_scope=1)
        hop = Found(
            url=target,
            origin=url_origin(target),
            kind=visit.kind,
            depth=visit.depth,
            hops=visit.hops + 1,
            skip=self._scope.refusal(target, visit.depth) if visit.kind == "page" else None,
        )
        return Fetched(visit, Outcome.REDIRECTED, reason, redirect_to=target, found=(hop,))

    def _failed(self, visit: Visit, error: TidemillError) -> Fetched:
        """What an error means for the visit: later, never, or not allowed at all."""
        if isinstance(error, Forbidden):
            return Fetched(visit, Outcome.SKIPPED, error.reason)
        attempts = visit.attempts + 1
        if isinstance(error, Transient) and attempts < self._settings.max_attempts:
            delay = retry_delay_s(self._settings, attempts, error.retry_after_s, self._rng)
            return Fetched(visit, reason=error.reason, retry_at=self._store.now() + timedelta(seconds=delay))
        return Fetched(visit, Outcome.FAILED, error.reason)

    def _retry_after_s(self, answer: Response) -> float | None:
        """The `Retry-After` header in seconds (RFC 9110, section 10.2.3); `None` if there is none that makes sense."""
        value = answer.headers.get("Retry-After", "").strip()
        if not value:
            return None
        if value.isascii() and value.isdigit():
            return float(value)
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(0.0, (at - self._store.now()).total_seconds())


def _sniffed(body: bytes) -> str:
    """The media type of a body that came without one (a small part of the WHATWG MIME Sniffing standard)."""
    start = body[:1024].lstrip().lower()
    if start.startswith(b"%pdf-"):
        return "application/pdf"
    return "text/html" if start.startswith(b"<") else "text/plain"
