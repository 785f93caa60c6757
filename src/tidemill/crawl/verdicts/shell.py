"""Pages that are empty until JavaScript has run.

A parsed page comes in; a `BrowserNeed` or nothing goes out. Called by the crawl stage for sources with `fetch: auto`,
for pages that `judge` took for content.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser

from tidemill.crawl.verdicts.evidence import THRESHOLD, BrowserNeed, Evidence, described, weigh
from tidemill.crawl.verdicts.page import SCANNED_CHARS, Page
from tidemill.crawl.verdicts.reading import read_page
from tidemill.crawl.verdicts.text import Words, folded

_ENOUGH_CHARS = 250
_NOTHING_CHARS = 100
_MOUNTS = (
    "#root, #app, #__next, #__nuxt, #___gatsby, #svelte, #react-root, #application, #mount, #main-app, #q-app, "
    "#ember-app, "
    "app-root, [ng-app], [ng-version], [data-reactroot], [data-server-rendered]"
)
_ASKS = Words(
    r"(?:enable|activate|turn on|requires?|needs?|without|have|switch on) (?:your )?java ?script|java ?script (?:is |"
    r"must be |to be )?"
    r"(?:required|disabled|enabled|not enabled|deactivated|needed|turned off|to run)|"
    r"doesn't work (?:properly )?without",
    r"(?:activ\w+|habilit\w+|necesit\w+|requiere) (?:el |o )?javascript|javascript (?:aktivier|activ|deaktiviert|"
    r"desactiv|nécessaire)|"
    r"aktivieren sie (?:bitte )?javascript|(?:benötigt|erfordert) javascript|включите javascript|javascriptを有効|"
    r"启用javascript",
    stems="java|doesn't work",
)
_SCRIPT_MOVE = re.compile(r"location(?:\.href)?\s*=|location\.(?:replace|assign)\(")


def needs_browser(tree: LexborHTMLParser, markup: str, url: str) -> BrowserNeed | None:
    """Why the page should be fetched again in a browser; `None` if there is text to work with, or nothing to run.

    The arguments are those of `judge`, and the tree stays as it is.
    """
    page = read_page(tree, markup, url=url, status=200, headers={}, enough_chars=_ENOUGH_CHARS)
    body = tree.body
    if page is None or body is None:
        return None
    scripts = tree.css("script[src]")
    moves = (
        page.all_chars < _NOTHING_CHARS
        and not page.refresh
        and bool(_SCRIPT_MOVE.search(page.markup, 0, SCANNED_CHARS))
    )
    if not scripts and not moves:
        return None
    evidence = [*_evidence(tree, page, len(scripts))]
    if moves and not scripts:
        evidence.append(Evidence("js_shell", 0.5, "a script that leads elsewhere"))
    confidence = round(weigh(evidence), 3)
    return BrowserNeed("js_shell", confidence, described(evidence)) if confidence >= THRESHOLD else None


def _evidence(tree: LexborHTMLParser, page: Page, scripts: int) -> list[Evidence]:
    found = []
    noscript = [folded(node.text())[:500] for node in tree.css("body noscript")]
    excuse_chars = sum(map(len, noscript))
    if page.all_chars - excuse_chars < _NOTHING_CHARS:
        found.append(Evidence("js_shell", 0.6, f"{page.all_chars} characters of text and {scripts} scripts"))
    elif page.prose_chars - excuse_chars < _NOTHING_CHARS:
        found.append(Evidence("js_shell", 0.35, f"{page.prose_chars} characters of text outside links and furniture"))
    mount = next((node for node in tree.css(_MOUNTS) if len(folded(node.text())) < 40), None)
    if mount is not None:
        found.append(Evidence("js_shell", 0.5, f"empty <{mount.tag} id={mount.id}>"))
    asks = next((text for text in (*noscript, page.lead) if _ASKS.search(text)), None)
    if asks:
        found.append(Evidence("js_shell", 0.45, f"asks for JavaScript: {asks[:60]}"))
    return found
