"""Redirects: good ones, chains, loops, one without end, one that leaves the site."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.site.articles import listed
from tests.site.expected import Expected, without_document
from tests.site.page import Page
from tests.site.sections import index_page, plain_page

MAX_HOPS = 10
"""Redirects that are followed in a row: the answer to the one after that ends the chain."""

_HOP = re.compile(r"/hop/([1-9][0-9]{0,8})")
_HOME = "/moved/new-home.html"
_ELSEWHERE = "http://out-of-scope.invalid/"


def redirect_pages() -> Iterator[Page]:
    """Give every redirect but the endless chain, which `endless_hop` makes as it is asked."""
    targets = [article.path for article in listed("en")[30:36]]
    opening = (
        "Pages move as families do, for better or for worse, and most of them leave a note on the old door that says "
        "where they have gone, although a few of those notes only point at each other."
    )
    sources = ("301.html", "302.html", "303.html", "307.html", "308.html", "for-good.html", "elsewhere.html")
    links = [*(f"/moved/{name}" for name in sources), "/chain/1", "/loop/a", "/loop/self", "/hop/1"]
    yield index_page("/moved/", "Pages that have moved", opening, [(href, href) for href in links])
    yield _redirect("/moved/301.html", targets[0], 301, absolute=True)
    yield _redirect("/moved/302.html", targets[1], 302, location=f"..{targets[1]}")
    yield _redirect("/moved/303.html", targets[2], 303)
    yield _redirect("/moved/307.html", targets[3], 307, location=f"{targets[3]}#top")
    yield _redirect("/moved/308.html", targets[4], 308, absolute=True)
    yield _redirect("/moved/for-good.html", _HOME, 301)
    yield _redirect("/moved/elsewhere.html", _ELSEWHERE, 302)
    yield plain_page(
        _HOME,
        "The new home",
        (
            "Nobody links to this page any more except the note on the old door.",
            "The furniture arrived in good order, apart from the piano, which is still being redirected.",
        ),
        via="redirect",
    )
    yield _redirect("/chain/1", "/chain/2", 301)
    yield _redirect("/chain/2", "/chain/3", 302, via="redirect")
    yield _redirect("/chain/3", targets[5], 301, via="redirect")
    yield _redirect("/loop/a", "/loop/b", 302)
    yield _redirect("/loop/b", "/loop/a", 302, via="redirect")
    failed = without_document("/loop/self", "failed", "redirect_loop", kind="redirect", status_code=302)
    yield Page(failed, lambda base: "", status=302, headers=(("Location", "/loop/self"),), validators=False)


def endless_hop(path: str) -> Page | None:
    """Give the page of a path like `/hop/7`, which leads to `/hop/8`."""
    match = _HOP.fullmatch(path)
    if not match:
        return None
    hop = int(match[1])
    return _redirect(path, f"/hop/{hop + 1}", 302, via="redirect" if hop > 1 else "links")


def expected_hops() -> Iterator[Expected]:
    """Give the truth of the endless chain: `MAX_HOPS` redirects are followed, and the next one is one too many."""
    for hop in range(1, MAX_HOPS + 1):
        page = endless_hop(f"/hop/{hop}")
        assert page is not None
        yield page.expected
    yield without_document(
        f"/hop/{MAX_HOPS + 1}",
        "failed",
        "too_many_redirects",
        via="redirect",
        kind="redirect",
        status_code=302,
    )


def _redirect(
    path: str, target: str, status: int, *, location: str = "", absolute: bool = False, via: str = "links"
) -> Page:
    expected = without_document(path, "redirected", via=via, kind="redirect", redirects_to=target, status_code=status)
    value = "{base}" + target if absolute else location or target
    return Page(expected, lambda base: "", status=status, headers=(("Location", value),), validators=False)
