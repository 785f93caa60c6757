"""One visit, from the lease to what became of it.

In: a leased `Visit`. Out: a `Catch`: a `Fetched` with its body (for the archive), its outcome, or the time to try
again; and the links it found. Whatever goes wrong with one page ends here, as its outcome.
"""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256
from urllib.parse import urljoin

from tidemill.crawl.discovery import Discovery
from tidemill.crawl.politeness import retry_delay_s
from tidemill.crawl.reader import Catch, Reader
from tidemill.crawl.robots import Robots, Rules
from tidemill.crawl.transport import Local, Transport
from tidemill.errors import Forbidden, Invalid, Skipped, TidemillError, Transient
from tidemill.models.host import retry_after_s
from tidemill.models.outcome import Outcome
from tidemill.models.url import url_key
from tidemill.models.visit import Fetched, Found, Visit
from tidemill.net import Response
from tidemill.settings import CrawlSettings
from tidemill.store.engine import Store

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
# What an answer gives to us alone, and who reads the archive has no business to use.
_SECRET = re.compile(
    r"set-cookie2?|(?:proxy-)?(?:authorization|authentication-info)|.*(?:api[-_]?key|token|secret|session-?id).*",
    re.IGNORECASE,
)
_WALLS = frozenset({401, 403, 429, 451, 503})


@dataclass(frozen=True, slots=True)
class Ways:
    """Where answers come from: the network; a browser, for sources that need one; or files of this machine."""

    network: Transport
    browser: Transport | None = None
    local: Local | None = None
    only_browser: bool = False


class Fetcher:
    """Fetches the visits of one run. With `relink` pages are asked for whole and their links read, changed or not."""

    def __init__(
        self,
        *,
        ways: Ways,
        reader: Reader,
        discovery: Discovery,
        robots: Robots,
        store: Store,
        settings: CrawlSettings,
        product: str,
        sitemaps: bool,
        allow_private: bool | None,
        rng: random.Random,
        relink: bool = False,
    ) -> None:
        self._ways = ways
        self._reader = reader
        self._discovery = discovery
        self._robots = robots
        self._scope = discovery.scope
        self._store = store
        self._settings = settings
        self._product = product
        self._sitemaps = sitemaps
        self._allow_private = allow_private
        self._rng = rng
        self._relink = relink

    async def fetch(self, visit: Visit) -> Catch:
        """Fetch one visit. Never raises for anything that the site or its content does; `OwnTrouble` for what we do."""
        if visit.kind == "page":
            if not self._scope.covers(visit.url):
                return Catch(Fetched(visit, Outcome.SKIPPED, "out_of_scope"))
            refusal = self._scope.refusal(visit.url, visit.depth)
            if refusal is not None:
                return Catch(Fetched(visit, Outcome.SKIPPED, refusal))
        local = self._ways.local
        try:
            if local is not None and local.answers(visit.url):
                return await self._get_local(local, visit)
            return await self._get_remote(visit)
        except TidemillError as error:
            return Catch(self._failed(visit, error))

    async def _get_remote(self, visit: Visit) -> Catch:
        """Ask the site, if its robots.txt allows it."""
        aside: Rules | None = None
        try:
            if self._settings.robots:
                rules, fresh = await self._robots.rules(visit.origin)
                aside = rules if fresh else None
                if not rules.allows(visit.url, self._product, self._store.now()):
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
            for url in rules.sitemaps:  # some are relative: to the file that names them, whichever page came first
                declared += self._discovery.aside(fetched.visit, _beside_robots(fetched.visit, url), "sitemap")
        fetched = replace(
            fetched,
            found=(*fetched.found, *declared),
            aside_requests=rules.requests,
            aside_bytes=rules.received_bytes,
        )
        return replace(catch, fetched=fetched)

    async def _get_local(self, local: Local, visit: Visit) -> Catch:
        """Read a file of this machine, or what a folder, a list or an archive holds."""
        if visit.kind != "page":
            return self._reader.listing(visit, await local.listing(visit.url), self._store.now())
        return await self._ask(local, visit, self._conditions(visit))

    async def _get(self, visit: Visit) -> Catch:
        browser = self._ways.browser
        if browser is not None and self._ways.only_browser and visit.kind == "page":
            return _unconditional(await self._ask(browser, visit, {}))
        catch = await self._ask(self._ways.network, visit, self._conditions(visit))
        if browser is None or not catch.is_shell:
            return catch
        try:
            rendered = await self._ask(browser, visit, {})
        except TidemillError as error:
            rendered = Catch(self._failed(visit, error))
        fetched = rendered.fetched
        plain = catch.fetched
        fetched = replace(
            fetched,
            requests=fetched.requests + plain.requests,
            received_bytes=fetched.received_bytes + plain.received_bytes,
            found=(*plain.found, *fetched.found),  # what the shell links to is known by now, and not found again
            out_of_scope=fetched.out_of_scope + plain.out_of_scope,
        )
        return _unconditional(replace(rendered, fetched=fetched))

    def _conditions(self, visit: Visit) -> dict[str, str]:
        """What was said of the page when it was last here, unless no header can say it: any server may set these."""
        headers = {}
        if visit.etag and visit.etag.isprintable() and not self._relink:
            headers["If-None-Match"] = visit.etag
        if visit.last_modified and visit.last_modified.isprintable() and not self._relink:
            headers["If-Modified-Since"] = visit.last_modified
        return headers

    async def _ask(self, way: Transport, visit: Visit, headers: dict[str, str]) -> Catch:
        def wanted(status: int, media_type: str) -> bool:
            return self._reader.wants(visit, media_type)

        answer = await way.get(visit.url, headers=headers, want=wanted, allow_private=self._allow_private)
        if self._reader.is_long(visit, answer):
            catch = await asyncio.to_thread(self._judge, visit, answer, bool(headers))
        else:
            catch = self._judge(visit, answer, bool(headers))
        fetched = replace(
            catch.fetched,
            requests=1,
            received_bytes=answer.received_bytes,
            status_code=answer.status,
            elapsed_s=answer.elapsed_s,
            headers=tuple([pair for pair in answer.headers.items() if not _is_secret(pair[0])]),
        )
        return _with_screenshot(Catch(fetched, catch.body, catch.aside, catch.is_shell), answer.screenshot)

    def _judge(self, visit: Visit, answer: Response, conditional: bool) -> Catch:
        status = answer.status
        if 200 <= status < 300 and status != 206:  # nobody asked for a part, and a part is not the page
            return self._reader.read(visit, answer, self._store.now())
        if status == 304 and conditional:
            return Catch(Fetched(visit, Outcome.UNCHANGED, "not_modified"))
        if 300 <= status < 400 and "Location" in answer.headers:
            return Catch(self._redirected(visit, answer))
        wall = self._reader.refused(visit, answer, self._store.now()) if status in _WALLS else None
        if wall is not None:
            return wall
        if status in (401, 403, 407, 451):
            return Catch(Fetched(visit, Outcome.BLOCKED, f"http_{status}"))
        if status in (404, 410):
            return Catch(Fetched(visit, Outcome.GONE, f"http_{status}"))
        if status in _TRANSIENT:
            error = Transient(f"{visit.url} answered {status}", reason=f"http_{status}")
            error.retry_after_s = retry_after_s(answer.headers.get("Retry-After", ""), self._store.now())
            return Catch(self._failed(visit, error))
        return Catch(Fetched(visit, Outcome.FAILED, f"http_{status}"))

    def _redirected(self, visit: Visit, answer: Response) -> Fetched:
        try:
            target = url_key(urljoin(visit.url, answer.headers["Location"]))
        except (Invalid, ValueError):
            return Fetched(visit, Outcome.FAILED, "bad_redirect")
        if target == visit.url:
            return Fetched(visit, Outcome.FAILED, "redirect_loop")
        if visit.hops + 1 > self._settings.max_hops:
            return Fetched(visit, Outcome.FAILED, "too_many_redirects", redirect_to=target)
        hop = self._discovery.hop(visit, target)
        if hop is None:
            return Fetched(visit, Outcome.REDIRECTED, "out_of_scope", redirect_to=target, out_of_scope=1)
        if hop.url == visit.url:  # it leads to itself, but for query parameters that are not told apart
            return Fetched(visit, Outcome.FAILED, "redirect_loop")
        return Fetched(visit, Outcome.REDIRECTED, f"http_{answer.status}", redirect_to=hop.url, found=(hop,))

    def _failed(self, visit: Visit, error: TidemillError) -> Fetched:
        """What an error means for the visit: later, never, or not allowed at all."""
        if isinstance(error, Forbidden | Skipped):
            return Fetched(visit, Outcome.SKIPPED, error.reason)
        attempts = visit.attempts + 1
        if isinstance(error, Transient) and attempts < self._settings.max_attempts:
            delay = retry_delay_s(self._settings, attempts, error.retry_after_s, self._rng)
            return Fetched(visit, reason=error.reason, retry_at=self._store.now() + timedelta(seconds=delay))
        return Fetched(visit, Outcome.FAILED, error.reason)


def _beside_robots(visit: Visit, url: str) -> str:
    try:
        return urljoin(f"{visit.origin}/robots.txt", url)
    except ValueError:
        return url


@lru_cache(maxsize=4096)
def _is_secret(header: str) -> bool:
    """Whether a header of an answer may hold what identifies us to the site: such a one is not archived."""
    return _SECRET.fullmatch(header) is not None


def _with_screenshot(catch: Catch, screenshot: bytes | None) -> Catch:
    if screenshot is None:
        return catch
    digest = sha256(screenshot).hexdigest()
    fetched = replace(catch.fetched, screenshot_hash=digest)
    return replace(catch, fetched=fetched, aside={**catch.aside, digest: screenshot})


def _unconditional(catch: Catch) -> Catch:
    """What a browser rendered must come whole again: its address may say `not modified` when its data have changed."""
    return replace(catch, fetched=replace(catch.fetched, etag=None, last_modified=None))
