"""From the URLs that a visit met to what the ledger is told of them: in scope or not, refused or not, each once.

In: canonical URLs out of links, listings and redirects. Out: `Found`, and how many URLs led out of the source. Used by
the reader of answers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from urllib.parse import urljoin

from tidemill.crawl.discover.listing import Listed
from tidemill.crawl.patterns import family
from tidemill.crawl.scope import Scope
from tidemill.errors import Invalid
from tidemill.models.capture import Capture
from tidemill.models.url import url_key, url_origin
from tidemill.models.visit import Found, Visit

_SEEN_SIZE = 2_000_000


class Discovery:
    """Knows what it has reported already, so that a page's menu costs nothing on the next page."""

    def __init__(self, scope: Scope, *, trap_budget: int) -> None:
        self.scope = scope
        self._trap_budget = trap_budget
        self._seen: dict[str, int] = {}
        self._unfollowed: set[str] = set()

    def forget(self) -> None:
        """Report URLs again that were reported before: what was reported may not have been written."""
        self._seen.clear()
        self._unfollowed.clear()

    def pages(self, urls: Iterable[str], depth: int) -> tuple[list[Found], int]:
        """Those of these canonical URLs that are in scope and were not reported yet at this depth or nearer to the
        start, and how many are out of scope."""
        found: list[Found] = []
        outside = 0
        seen, scope = self._seen, self.scope
        if len(seen) > _SEEN_SIZE:
            seen.clear()
        for url in urls:
            if seen.get(url, depth + 1) <= depth:
                continue
            key = scope.rewrite(url)
            if not scope.covers(key):
                outside += 1
                continue
            seen[url] = depth
            found.append(self._found(key, depth))
        return found, outside

    def unfollowed(self, urls: Iterable[str], depth: int) -> list[Found]:
        """The URLs in scope that the page asks not to follow: they have a place in the ledger and are not visited."""
        found = []
        for url in urls:
            key = self.scope.rewrite(url)
            if url in self._seen or key in self._unfollowed or not self.scope.covers(key):
                continue
            self._unfollowed.add(key)
            found.append(Found(url=key, origin=url_origin(key), depth=depth, skip="nofollow"))
        return found

    def listed(self, visit: Visit, pages: Collection[Listed]) -> tuple[list[Found], int]:
        """The pages that a listing names, with the dates that it gives them; those with an item are not for here."""
        dated: dict[str, Listed] = {}
        outside = 0
        for listed in pages:
            try:
                key = self.scope.rewrite(self._key(visit, listed.url))
            except (Invalid, ValueError):
                continue
            if self.scope.covers(key):
                dated.setdefault(key, listed)
            else:
                outside += 1
        depth = visit.depth + 1
        found = []
        for key, listed in dated.items():
            if listed.modified_at is None and self._seen.get(key, depth + 1) <= depth:
                continue
            self._seen[key] = depth
            found.append(self._found(key, depth, listed))
        return found, outside

    def item(self, visit: Visit, listed: Listed, capture: Capture) -> Found:
        """A page that came whole with its listing."""
        origin = url_origin(capture.url)
        return Found(
            url=capture.url, origin=origin, depth=visit.depth + 1, modified_at=listed.modified_at, item=capture
        )

    def aside(self, visit: Visit, url: str, kind: str) -> list[Found]:
        """A listing that a site declares, or another part of one: on the source's hosts it counts as in scope."""
        try:
            key = self._key(visit, url)
        except (Invalid, ValueError):
            return []
        return [Found(url=key, origin=url_origin(key), kind=kind)] if self.scope.same_site(key) else []

    def hop(self, visit: Visit, target: str) -> Found | None:
        """Where a visit leads instead; `None` if that is out of scope."""
        is_page = visit.kind == "page"
        key = self.scope.rewrite(target) if is_page else target
        if not (self.scope.covers(key) if is_page else self.scope.same_site(key)):
            return None
        return Found(
            url=key,
            origin=url_origin(key),
            kind=visit.kind,
            depth=visit.depth,
            hops=visit.hops + 1,
            skip=self.scope.refusal(key, visit.depth) if is_page else None,
        )

    def _found(self, key: str, depth: int, listed: Listed | None = None) -> Found:
        pattern, budget = family(key, self._trap_budget) or (None, None)
        return Found(
            url=key,
            origin=url_origin(key),
            depth=depth,
            skip=self.scope.refusal(key, depth),
            modified_at=listed.modified_at if listed is not None else None,
            pattern=pattern,
            budget=budget,
        )

    @staticmethod
    def _key(visit: Visit, url: str) -> str:
        """The canonical form of a URL that a visit met; those of this machine's files are canonical as they are."""
        if url.startswith("file://") and visit.url.startswith("file://"):
            return url
        return url_key(urljoin(visit.url, url))
