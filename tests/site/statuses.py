"""Doors that do not open, for good or only at first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.site.expected import without_document
from tests.site.layout import paragraph, shell
from tests.site.page import Page
from tests.site.sections import index_page, plain_page

_CLOSED = {401: "blocked", 403: "blocked", 404: "gone", 410: "gone"}


def status_pages() -> Iterator[Page]:
    """Give a page for each status that ends a visit, and two that only begin badly."""
    opening = (
        "Behind some doors there is nothing, behind others there is somebody who says no, and a few only stick in wet "
        "weather and open at the third push, so it is worth knowing which is which."
    )
    names = [*(f"/status/{status}.html" for status in _CLOSED), "/status/stiff.html", "/status/busy.html"]
    links = [(path, path) for path in (*names, "/missing/nowhere.html")]
    yield index_page("/status/", "Doors that do not open", opening, links)
    for status in _CLOSED:
        yield _closed(f"/status/{status}.html", status)
    yield _closed("/missing/nowhere.html", 404)
    stiff = plain_page(
        "/status/stiff.html",
        "The stiff door",
        (
            "This door fails twice and opens at the third push, provided that nobody kicks it.",
            "The carpenter says that it is the damp, and the damp has declined to comment.",
        ),
    )
    yield replace(stiff, first_statuses=(500, 500))
    busy = plain_page(
        "/status/busy.html",
        "The busy counter",
        (
            "The clerk asks everybody to wait for one second, and then serves them with great courtesy.",
            "Those who come back at once are asked again, and remembered.",
        ),
    )
    yield replace(busy, first_statuses=(429,))


def _closed(path: str, status: int) -> Page:
    reason = "access_denied" if status in (401, 403) else f"http_{status}"  # a page that says so by its title
    expected = without_document(path, _CLOSED[status], reason, status_code=status)
    headers = (("WWW-Authenticate", 'Basic realm="harbour office"'),) if status == 401 else ()
    main = f"<h1>{status}</h1>{paragraph(['This door does not open.'])}"
    return Page(expected, lambda base: shell(str(status), main), status=status, headers=headers, validators=False)
