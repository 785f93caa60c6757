"""One walk over the tree for all that metadata is read from.

Comes in: the tree; goes out: a `Head`. Called by `metadata`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from tidemill.markup import LexborHTMLParser

_SELECTOR = (
    "html, title, h1, meta, link[rel=canonical], script[type='application/ld+json'], [rel~=author], "
    "[itemprop~=author], [itemprop~=datePublished], [itemprop~=dateModified], [itemprop~=dateCreated], time[pubdate]"
)
_UNCLOSED = re.compile(r"</?(?:meta|link|script|style|base|head|body|html|h1)\b", re.IGNORECASE)
_MAX_TEXT_CHARS = 500
_MAX_HEADING_CHARS = 300
_MAX_NAME_CHARS = 60
_MAX_HEADINGS = 50


@dataclass(slots=True)
class Head:
    """Raw strings as the page gives them. `marked` are those of elements with an `itemprop` or `rel`, by that name."""

    language: str | None = None
    title: str | None = None
    headings: list[str] = field(default_factory=list)
    canonical: str | None = None
    json_blocks: list[str] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)
    marked: dict[str, list[str]] = field(default_factory=dict)

    def meta(self, name: str) -> str | None:
        """The first value of the meta tag `name` (or `property`, or `itemprop`); names are in lower case."""
        found = self.values.get(name)
        return found[0] if found else None

    def metas(self, name: str) -> list[str]:
        """All values of the meta tag `name`."""
        return self.values.get(name, [])


def read_head(tree: LexborHTMLParser) -> Head:
    """What the tree holds of titles, meta tags, JSON-LD and the like."""
    head = Head()
    for node in tree.css(_SELECTOR):
        _read_node(head, node)
    return head


def _read_node(head: Head, node: LexborNode) -> None:
    match node.tag:
        case "meta":
            _read_meta(head, node.attributes)
        case "html":
            head.language = head.language or node.attributes.get("lang") or node.attributes.get("xml:lang")
        case "title":
            if head.title is None and not _is_in_svg(node):
                head.title = _UNCLOSED.split(_text(node))[0].strip()
        case "h1":
            text = _text(node).rstrip("¶§🔗⚓ ")  # The marks by which headings link to themselves.
            is_whole = 0 < len(text) <= _MAX_HEADING_CHARS  # A longer one was never closed.
            if is_whole and len(head.headings) < _MAX_HEADINGS:
                head.headings.append(text)
        case "link":
            head.canonical = head.canonical or node.attributes.get("href")
        case "script":
            head.json_blocks.append(node.text(deep=True) or "")
        case _:
            _read_marked(head, node)


def _read_meta(head: Head, attributes: dict[str, str | None]) -> None:
    name = attributes.get("property") or attributes.get("name") or attributes.get("itemprop")
    content = attributes.get("content")
    if name and content and content.strip():
        head.values.setdefault(name.strip().lower(), []).append(content.strip())
    elif (attributes.get("http-equiv") or "").lower() == "content-language":
        head.language = head.language or content


def _read_marked(head: Head, node: LexborNode) -> None:
    attributes = node.attributes
    names = (attributes.get("itemprop") or "").split()
    for name in ("datePublished", "dateModified", "dateCreated"):
        if name in names or (name == "datePublished" and "pubdate" in attributes):
            value = attributes.get("datetime") or attributes.get("content") or _text(node)
            head.marked.setdefault(name, []).append(value.strip())
            return
    name = "author" if "author" in names else "rel=author"
    inner = node.css_first("[itemprop~=name]") if name == "author" else None
    text = _marked_name(inner) if inner is not None else _text(node)
    if 0 < len(text) <= _MAX_NAME_CHARS and text not in head.marked.get(name, ()):
        head.marked.setdefault(name, []).append(text)


def _marked_name(node: LexborNode) -> str:
    return " ".join((node.attributes.get("content") or "").split()) or _text(node)


def _is_in_svg(node: LexborNode) -> bool:
    return node.parent is not None and node.parent.tag in ("svg", "g", "symbol", "path")


def _text(node: LexborNode) -> str:
    return " ".join(node.text(deep=True, separator=" ").split())[:_MAX_TEXT_CHARS]
