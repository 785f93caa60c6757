"""What a correct crawl makes of each URL of the site, from its start at `/`, in its first run."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tests.site.expected import Expected
from tests.site.links import links_of_html
from tests.site.numbered import numbered_page, numbered_paths
from tests.site.redirects import expected_hops
from tests.site.traps import expected_traps
from tests.site.website import Website

_BASE = "http://site.invalid"


def truth(*, hostile: bool = False, pages: int = 0, today: date) -> dict[str, Expected]:
    """Give the truth of every URL that belongs into the ledger, by path. The traps depend on the day."""
    site = Website(hostile=hostile, pages=pages)
    known = {path: page.expected for path, page in site.pages.items() if hostile or not path.startswith("/hostile/")}
    known |= {expected.path: expected for expected in (*expected_traps(today), *expected_hops())}
    for path in numbered_paths(pages):
        page = numbered_page(path, pages)
        assert page is not None
        known[path] = page.expected
    for path, depth in _near_home(site).items():
        if path in known:
            known[path] = replace(known[path], depth_at_most=depth)
    return known


def _near_home(site: Website) -> dict[str, int]:
    """Give the pages at most two links away from the home page, with their distance."""
    depths = {"/": 0}
    for path in ("/", *_links(site, "/")):
        for target in _links(site, path) if depths.get(path, 1) < 2 else ():
            depths.setdefault(target, depths[path] + 1)
    return depths


def _links(site: Website, path: str) -> list[str]:
    page = site.find(path)
    if page is None or page.status != 200 or page.behaviour or not page.media_type.startswith("text/html"):
        return []
    return links_of_html(site.body(page, _BASE).decode("utf-8", "replace"), _BASE + path)
