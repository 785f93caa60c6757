"""Pages for crawlers that have a browser, or may have one: an empty shell that a script fills, and a page with text."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.site.expected import without_document
from tests.site.layout import paragraph, shell
from tests.site.page import Page
from tests.site.text import filler

DOORS = "/api/doors.html"
APP = "/api/app.html"
PLAIN = "/api/plain.html"
BEHIND = "/api/behind.html"
RENDERED = "The harbour board hangs its notices where only those with patience and a script will read them."
_TEXT = "A page that says everything at once, and asks of its readers nothing but that they read."
_SCRIPT = """fetch("/api/app.json").then(answer => answer.json()).then(notice => {
  document.getElementById("root").innerHTML = notice.html
})"""


def shell_pages() -> Iterator[Page]:
    """Give a page of links, the shell with its script and its data, a page with text, and the page behind the shell."""
    links = "".join(f'<p><a href="{path}">{path}</a></p>' for path in (APP, PLAIN))
    yield _page(DOORS, shell("Two doors", paragraph([_TEXT, *filler(DOORS, 6, "en")]) + links))
    yield _page(PLAIN, shell("The plain door", f"<h1>The plain door</h1>{paragraph([_TEXT, *filler(PLAIN, 6, 'en')])}"))
    yield _page(BEHIND, shell("Behind the board", paragraph(filler(BEHIND, 8, "en"))))
    head = '<meta charset="utf-8"><title>Notice board</title><script src="/api/app.js" defer></script>'
    excuse = "<noscript>Please enable JavaScript to read this board.</noscript>"
    yield _page(APP, f"<!DOCTYPE html><html><head>{head}</head><body>{excuse}<div id=root></div></body></html>")
    yield _page("/api/app.js", _SCRIPT, "text/javascript")
    notice = f'<h1>Notice board</h1>{paragraph([RENDERED, *filler(APP, 8, "en")])}<a href="{BEHIND}">Behind</a>'
    yield _page("/api/app.json", json.dumps({"html": notice}), "application/json")


def _page(path: str, body: str, media_type: str = "text/html; charset=utf-8") -> Page:
    return Page(without_document(path, "stored"), lambda _: body, media_type)
