"""Reads the facts of a page off its tree.

A lexbor tree comes in (it is read, never changed); a `Page` goes out, or nothing as soon as the page has shown that it
has plenty of text. Called by `judge` and `shell`.
"""

from __future__ import annotations

from collections.abc import Mapping

from selectolax.lexbor import LexborHTMLParser, LexborNode

from tidemill.crawl.verdicts.page import PLENTY_CHARS, SCANNED_CHARS, Page
from tidemill.crawl.verdicts.text import folded, segments

_LEAD_CHARS = 4_000
_MAX_NODES = 6_000
_MAX_HEADINGS = 6
_UNSEEN = frozenset({"script", "style", "template", "svg", "select", "iframe", "object", "-comment", "head"})
_FURNITURE = frozenset({"nav", "footer", "aside", "dialog"})
_BOXES = frozenset({"div", "section", "ul", "header"})
_HEADINGS = frozenset({"h1", "h2"})
_CONTROLS = frozenset({"input", "button", "textarea"})
_NOTED = _FURNITURE | _BOXES | _HEADINGS | _CONTROLS | {"a"}
_FIELDS = frozenset({"text", "email", "tel", "search", "password", "number", "url"})
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
) -> Page | None:
    """The facts of a page, or `None` as soon as it has shown `enough_chars` of text of its own."""
    page = Page(url=url, status=status, headers=headers, markup=markup[:SCANNED_CHARS])
    body = tree.body
    if body is not None and not _read_body(page, body, enough_chars):
        return None
    head = tree.head
    title = head.css_first("title") if head is not None else None
    page.title = folded(title.text() if title is not None else "")[:300]
    page.title_parts = segments(page.title)
    root = tree.root
    for node in (root, body):
        if node is not None:
            page.names += f" {node.attributes.get('class') or ''} {node.attributes.get('id') or ''}"
    page.names = f"{page.names.casefold()} "
    if head is not None:
        _read_metas(page, head)
    return page


def _read_metas(page: Page, head: LexborNode) -> None:
    for node in head.css("meta[content]"):
        attributes = node.attributes
        name = (attributes.get("name") or attributes.get("property") or attributes.get("http-equiv") or "").lower()
        content = (attributes.get("content") or "").lower()
        if name == "article:published_time" or (name == "og:type" and content == "article"):
            page.is_article = True
        elif name == "robots":
            page.is_noindex = "noindex" in content
        elif name == "refresh":
            page.refresh = content


def _read_body(page: Page, body: LexborNode, enough_chars: int) -> bool:
    """Walk the body in the order of the page; False as soon as it has enough text. Every page pays for this loop."""
    lead: list[str] = []
    lead_chars = link_depth = header_depth = heading_depth = 0
    node, depth = body.first_child, 1
    for _ in range(_MAX_NODES):
        if node is None:
            break
        tag = node.tag
        below = None
        if tag == "-text":
            text = (node.text_content or "").strip()
            if text:
                page.all_chars += len(text)
                if not header_depth:
                    if not link_depth:
                        page.prose_chars += len(text)
                        if page.prose_chars >= enough_chars:
                            return False
                    if lead_chars < _LEAD_CHARS and not heading_depth:
                        lead.append(text)
                        lead_chars += len(text)
        elif tag not in _UNSEEN and (tag not in _NOTED or _goes_into(page, node, tag or "", bool(header_depth))):
            below = node.first_child
            if below is not None:
                if tag == "a" and not link_depth:
                    link_depth = depth
                elif tag == "header" and not header_depth:
                    header_depth = depth
                elif tag in _HEADINGS and not heading_depth:
                    heading_depth = depth
                node, depth = below, depth + 1
                continue
        after = node.next
        while after is None and depth > 1:
            node, depth = _up(node), depth - 1
            if depth <= link_depth:
                link_depth = 0
            if depth <= header_depth:
                header_depth = 0
            if depth <= heading_depth:
                heading_depth = 0
            after = node.next
        node = after
    page.lead = folded(" ".join(lead)[:_LEAD_CHARS])
    return True


def _goes_into(page: Page, node: LexborNode, tag: str, in_header: bool) -> bool:
    """Note an element that says something by itself; whether what it holds belongs to the main text."""
    if tag in _FURNITURE or (tag in _BOXES and _is_furniture(node)):
        furniture_chars = len(node.text())
        page.furniture_chars += furniture_chars
        page.all_chars += furniture_chars
        return False
    if tag == "a":
        page.links += 1
    elif tag in _HEADINGS:
        if len(page.headings) < _MAX_HEADINGS:
            page.headings.append(folded(node.text())[:300])
    elif tag in _CONTROLS and not in_header:
        _control(page, node, tag)
    return True


def _control(page: Page, node: LexborNode, tag: str) -> None:
    if tag == "textarea":
        page.text_areas += 1
        return
    if tag == "button":
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


def _up(node: LexborNode) -> LexborNode:
    parent = node.parent
    if parent is None:
        raise AssertionError("a node below the body has no parent")
    return parent
