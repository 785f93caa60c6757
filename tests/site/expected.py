"""What is known of one URL of the site, stated beside the page that it is about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expected:
    """What a correct crawl makes of one URL in its first run.

    `path` is the URL's identity without scheme and host. `reason` `None` means any. `or_outcomes` are outcomes that
    are right as well. `via` is the only way to the URL: `links` (from HTML), `sitemap`, `feed`,
    `redirect`, or `start`.
    `depth_at_most` is the number of links from the home page, where it is 2 or less: a crawler that takes URLs in
    order of depth finds it no deeper. `title`, `language`, `author` and `published_at` (ISO 8601, a bare date where
    the page shows no more) are `None` where the page does not say; `metadata` tells where it does (`json-ld`,
    `opengraph`, or `byline`: visible text only). `must_contain` are sentences of the main text (of any document of
    the page), `must_not_contain` is boilerplate. `items` and `starts` are titles and start times of the page's events.
    `later` says what a later, cleverer Tidemill makes of it.
    """

    path: str
    outcome: str = "stored"
    reason: str | None = None
    via: str = "links"
    kind: str = "page"
    documents: int = 1
    title: str | None = None
    language: str | None = None
    author: str | None = None
    published_at: str | None = None
    metadata: str | None = None
    must_contain: tuple[str, ...] = ()
    must_not_contain: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()
    canonical: str | None = None
    duplicate_of: str | None = None
    near_duplicate_of: str | None = None
    redirects_to: str | None = None
    status_code: int | None = 200
    depth_at_most: int | None = None
    or_outcomes: tuple[str, ...] = ()
    later: str | None = None

    def allows(self, outcome: str, reason: str | None = None) -> bool:
        """Tell whether a ledger row of this URL may bear this outcome and reason."""
        if outcome in self.or_outcomes:
            return True
        return outcome == self.outcome and self.reason in (None, reason)


def without_document(path: str, outcome: str, reason: str | None = None, **rest: object) -> Expected:
    """Give the truth of a URL that ends without a document."""
    return Expected(path, outcome, reason, documents=0, **rest)  # type: ignore[arg-type]
