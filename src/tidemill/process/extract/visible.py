"""The text of an element as a reader sees it: blocks on lines of their own, white space folded.

Comes in: a node of the HTML tree; goes out: its text. Called for selected elements and for texts that may be HTML. The
tree is walked without recursion, for it may be nested very deeply.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborNode

_PARAGRAPHS = frozenset(
    ("blockquote", "dl", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul")
)
_BLOCKS = frozenset((
    "address", "article", "aside", "body", "caption", "center", "dd", "details", "div", "dt", "fieldset", "figcaption",
    "footer", "form", "header", "hr", "li", "main", "nav", "option", "section", "summary", "tbody", "tfoot", "thead",
    "tr",
))  # fmt: skip
_CELLS = frozenset(("td", "th"))
_UNSEEN = frozenset(("script", "style", "template", "noscript", "head", "-comment", "!doctype"))
_SPACE = re.compile(r"[ \t\r\n\f]+")


def text_of_node(root: LexborNode) -> str:
    """What a reader sees of an element: paragraphs apart by an empty line, other blocks and `<br>` by a line break."""
    lines = _Lines()
    inside = [root]
    lines.opens(root.tag or "")
    node = root.child
    while inside:
        if node is None:  # the last of its siblings was before
            left = inside.pop()
            lines.closes(left.tag or "")
            node = left.next if inside else None
            continue
        tag = node.tag or ""
        if tag == "-text":
            lines.reads(node.text_content or "")
        elif tag not in _UNSEEN:
            inside.append(node)
            lines.opens(tag)
            node = node.child
            continue
        node = node.next
    return "".join(lines.parts).strip()


class _Lines:
    """The text so far, and the breaks that are due before the next of it."""

    __slots__ = ("breaks", "parts", "preformatted")

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.breaks = 0
        self.preformatted = 0

    def opens(self, tag: str) -> None:
        self.preformatted += tag == "pre"
        if tag == "br":
            self._drops_space()
            self.parts.append("\n")
        elif tag in _CELLS:
            self.reads(" ")
        else:
            self._breaks(tag)

    def closes(self, tag: str) -> None:
        self.preformatted -= tag == "pre"
        self._breaks(tag)

    def reads(self, text: str) -> None:
        if not self.preformatted:
            text = _SPACE.sub(" ", text)
            if self.breaks or not self.parts or self.parts[-1].endswith((" ", "\n")):
                text = text.removeprefix(" ")
        if not text:
            return
        if self.breaks and self.parts:
            self._drops_space()
            self.parts.append("\n" * self.breaks)
        self.breaks = 0
        self.parts.append(text)

    def _drops_space(self) -> None:
        """No line ends with a space."""
        if self.parts and not self.preformatted:
            self.parts[-1] = self.parts[-1].removesuffix(" ")

    def _breaks(self, tag: str) -> None:
        self.breaks = max(self.breaks, 2 if tag in _PARAGRAPHS else tag in _BLOCKS)
