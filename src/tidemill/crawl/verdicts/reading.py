"""Reads the facts of a page off its tree.

A lexbor tree comes in (it is read, never changed); a `Page` goes out, or nothing as soon as the page has shown that it
has plenty of text. Called by `judge` and `shell`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice

from selectolax.lexbor import LexborHTMLParser, LexborNode

from tidemill.crawl.verdicts.page import BARE_CHARS, PLENTY_CHARS, Page
from tidemill.crawl.verdicts.text import folded

_LEAD_CHARS = 4_000
_MAX_NODES = 4_000
_MAX_HEADINGS = 6
_FIELDS = frozenset({"text", "email", "tel", "search", "password", "number", "url"})


def _ids(*tags: str) -> frozenset[int]:
    """The numbers by which lexbor knows elements: the same in every document, and found faster than their names."""
    document = LexborHTMLParser("")
    return frozenset(document.create_node(tag).tag_id for tag in tags)


_TEXT = min(node.tag_id for body in LexborHTMLParser("x").css("body") for node in body.iter(include_text=True))
_UNSEEN = _ids("script", "style", "template", "svg", "select", "iframe", "object", "head")
_FURNITURE = _ids("nav", "footer", "aside", "dialog")
_BOXES = _ids("div", "section", "ul", "header")
_HEADINGS = _ids("h1", "h2")
_CONTROLS = _ids("input", "button", "textarea")
_LINK, _HEADER, _TEXT_AREA, _BUTTON, _TITLE, _META = (
    min(_ids(tag)) for tag in ("a", "header", "textarea", "button", "title", "meta")
)
_NOTED = _UNSEEN | _FURNITURE | _BOXES | _HEADINGS | _CONTROLS
_FURNITURE_NAMES = frozenset(
    {
        *(
            "nav",
            "navbar",
            "navigation",
            "menu",
            "main-menu",
            "mainmenu",
            "topnav",
            "topbar",
            "breadcrumb",
            "breadcrumbs",
        ),
        *(
            "footer",
            "site-footer",
            "page-footer",
            "sidebar",
            "side-bar",
            "cookie-banner",
            "cookie-notice",
            "cookie-bar",
        ),
        *("onetrust-consent-sdk", "onetrust-banner-sdk", "CybotCookiebotDialog", "didomi-host", "cookie-law-info-bar"),
        *("cmplz-cookiebanner-container", "cookieconsent"),
    }
)


def read_page(
    tree: LexborHTMLParser,
    markup: str,
    *,
    url: str,
    status: int,
    headers: Mapping[str, str],
    enough_chars: int = PLENTY_CHARS,
    suspected: Callable[[Page], bool] | None = None,
) -> Page | None:
    """The facts of a page, or `None` as soon as it has shown `enough_chars` of text of its own.

    One that has more than `BARE_CHARS` is read on only if it is `suspected` by what is known of it then.
    """
    page = Page(url=url, status=status, headers=headers, markup=markup)
    body = tree.body
    if tree.head is not None:
        _read_head(page, tree.head)
    for node in (tree.root, body):
        if node is not None:
            attributes = node.attributes
            if attributes:
                page.names += f" {attributes.get('class') or ''} {attributes.get('id') or ''}"
    page.names = f"{page.names.casefold()} "
    return page if body is None or _read_body(page, body, enough_chars, suspected) else None


def _read_head(page: Page, head: LexborNode) -> None:
    is_titled = False
    for node in head.traverse():
        tag = node.tag_id
        if tag == _TITLE and not is_titled:
            page.title = folded(node.text())[:300]
            is_titled = True
        elif tag == _META:
            _read_meta(page, node.attributes)


def _read_meta(page: Page, attributes: Mapping[str, str | None]) -> None:
    if "content" not in attributes:
        return
    name = (attributes.get("name") or attributes.get("property") or attributes.get("http-equiv") or "").lower()
    content = (attributes["content"] or "").lower()
    if name == "article:published_time" or (name == "og:type" and content == "article"):
        page.is_article = True
    elif name == "robots":
        page.is_noindex = "noindex" in content
    elif name == "refresh":
        page.refresh = content


def _read_body(page: Page, body: LexborNode, enough_chars: int, suspected: Callable[[Page], bool] | None) -> bool:
    """Walk the body in the order of the page; False as soon as it has enough text. Every page pays for this loop.

    lexbor hands out the nodes one after the other much faster than one can climb from each to the next; so nodes are
    numbered, and where an element ends is known by counting what it holds.
    """
    lead: list[str] = []
    lead_chars = all_chars = prose_chars = link_end = header_end = heading_end = 0
    stop_chars = enough_chars if suspected is None else BARE_CHARS + 1
    nodes = body.traverse(include_text=True, skip_empty=True)
    for number, node in enumerate(islice(nodes, _MAX_NODES)):
        tag = node.tag_id
        if tag == _TEXT:
            text = (node.text_content or "").strip()
            size = len(text)
            all_chars += size
            if number < header_end:
                continue
            if number >= link_end:
                prose_chars += size
                if prose_chars >= stop_chars:
                    if prose_chars >= enough_chars or suspected is None or not suspected(page):
                        return False
                    stop_chars = enough_chars
            if lead_chars < _LEAD_CHARS and number >= heading_end and size:
                lead.append(text)
                lead_chars += size
        elif tag == _LINK:
            page.links += 1
            if number >= link_end and number >= header_end:
                link_end = number + 1 + _count_below(node)
        elif tag not in _NOTED:
            continue
        elif tag in _UNSEEN or not _goes_into(page, node, tag, number < header_end):
            skipped = _count_below(node)
            next(islice(nodes, skipped, skipped), None)
            # What is skipped bears no numbers.
            link_end, header_end, heading_end = link_end - skipped, header_end - skipped, heading_end - skipped
        elif tag == _HEADER and number >= header_end:
            header_end = number + 1 + _count_below(node)
        elif tag in _HEADINGS and number >= heading_end:
            heading_end = number + 1 + _count_below(node)
    page.prose_chars, page.all_chars = prose_chars, page.all_chars + all_chars
    page.lead = folded(" ".join(lead)[:_LEAD_CHARS])
    return True


def _count_below(node: LexborNode) -> int:
    return len([*node.traverse(include_text=True, skip_empty=True)]) - 1


def _goes_into(page: Page, node: LexborNode, tag: int, in_header: bool) -> bool:
    """Note an element that says something by itself; whether what it holds belongs to the main text."""
    if tag in _FURNITURE or (tag in _BOXES and _is_furniture(node)):
        furniture_chars = len(node.text())
        page.furniture_chars += furniture_chars
        page.all_chars += furniture_chars
        return False
    if tag in _HEADINGS:
        if len(page.headings) < _MAX_HEADINGS:
            page.headings.append(folded(node.text())[:300])
    elif tag in _CONTROLS and not in_header:
        _control(page, node, tag)
    return True


def _control(page: Page, node: LexborNode, tag: int) -> None:
    if tag == _TEXT_AREA:
        page.text_areas += 1
        return
    if tag == _BUTTON:
        page.buttons += f"\n{folded(node.text())[:60]}"
        return
    attributes = node.attributes
    kind = (attributes.get("type") or "text").lower()
    if kind in {"submit", "button"}:
        page.buttons += f"\n{folded(attributes.get('value') or '')[:60]}"
    page.passwords += kind == "password" or (attributes.get("name") or "").lower() == "password"
    page.fields += kind in _FIELDS


def _is_furniture(node: LexborNode) -> bool:
    attributes = node.attributes
    if not attributes:
        return False
    if attributes.get("id") in _FURNITURE_NAMES or "hidden" in attributes:
        return True
    names, style = attributes.get("class"), attributes.get("style")
    return (bool(names) and not _FURNITURE_NAMES.isdisjoint((names or "").split())) or (
        bool(style) and "display:none" in (style or "").replace(" ", "").lower()
    )
