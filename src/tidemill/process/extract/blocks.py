"""A page as a list of blocks (paragraphs, headings, list items, table rows, code) within their containers.

Comes in: the lexbor tree, which is only read; goes out: `Blocks`. Called by `maintext`, which chooses among the blocks,
and by `render`, which writes those that were chosen. Nothing here recurses: pages nest as deep as their authors like.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from selectolax.lexbor import LexborNode

_UNREAD = frozenset((
    "script", "style", "template", "svg", "select", "option", "iframe", "textarea", "input", "object", "embed",
    "canvas", "video", "audio", "map", "datalist", "math", "picture", "source", "img", "link", "meta", "progress",
    "meter", "head", "title", "base", "frameset", "col", "colgroup", "-comment", "_comment", "-doctype",
))  # fmt: skip
_INLINE = frozenset((
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins",
    "kbd", "label", "mark", "nobr", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub",
    "sup", "time", "tt", "u", "var", "wbr",
))  # fmt: skip
_EMPHASIS = {"b": "**", "strong": "**", "i": "*", "em": "*", "code": "`", "kbd": "`", "samp": "`", "tt": "`"}
_PERMALINKS = frozenset("¶#§🔗⚓")
_LINES = frozenset(("div", "li", "p", "tr"))
_MOST_OF_PERMALINK = 8
_NOT_DATA = frozenset(("table", "h1", "h2", "h3", "pre", "form", "blockquote"))
_MAX_CELL_CHARS = 250
_MAX_STYLE_CHARS = 2_000
_MAX_NUMBER = 999_999_999  # of an item, in CommonMark
_CODE_LANGUAGE = re.compile(r"\b(?:language|lang|highlight-source|brush:)[-:\s]*([\w+#-]{1,20})", re.IGNORECASE)


class Mark(NamedTuple):
    """Where inline markup begins or ends: `sign` is `**`, `*`, `` ` ``, `a` (to `href`), `|` (a cell) or `br`."""

    sign: str
    opens: bool = True
    href: str = ""


Part: TypeAlias = "str | Mark"
_BREAK = Mark("br")
_CELL = Mark("|")
_OPENING = {tag: Mark(sign) for tag, sign in _EMPHASIS.items()}
_CLOSING = {sign: Mark(sign, opens=False) for sign in (*_EMPHASIS.values(), "a")}


class Container(NamedTuple):
    """A block-level element: its place (index of its parent, -1 for the body's) and what it says of itself."""

    parent: int
    tag: str
    names: str
    role: str
    is_hidden: bool
    is_aria_hidden: bool
    item_property: str
    number: int = 0
    """Of an item in an ordered list: its number; 0 if it has none."""


class Block(NamedTuple):
    """A run of text that no block-level element interrupts; `text` has its white space folded, but for code."""

    text: str
    parts: list[Part]
    link_chars: int
    container: int
    language: str = ""


class TimeMark(NamedTuple):
    """A `<time datetime>`: in which block it stands (or before which, if nothing is shown of it) and in what."""

    block: int
    value: str
    container: int


@dataclass(slots=True)
class Blocks:
    """All blocks in the order of the page, and the containers that they point into."""

    containers: list[Container] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    times: list[TimeMark] = field(default_factory=list)

    def container(self, block: Block) -> Container:
        """What `block` stands in."""
        return self.containers[block.container]


def read_blocks(body: LexborNode | None) -> Blocks:
    """The blocks of `body`: everything that has text, navigation and hidden parts included."""
    reader = _Reader()
    if body is not None:
        reader.read(body)
    return reader.found


class _Reader:
    """The walk: what is open, and the parts of the block that is being read.

    `open_marks` holds each sign once: emphasis within the same emphasis and links within links mean nothing.
    """

    def __init__(self) -> None:
        self.found = Blocks([Container(-1, "body", "", "", False, False, "")])
        self.parts: list[Part] = []
        self.texts: list[str] = []
        self.open_marks: list[Mark] = []
        self.open_signs: set[str] = set()
        self.link_chars = 0
        self.links = 0
        self.has_text = False
        self.row_depth = 0
        self.counts: dict[int, int] = {}

    def read(self, body: LexborNode) -> None:
        current = 0
        left: list[tuple[LexborNode, int, str, Mark | None, bool]] = []
        node = body.child
        while True:
            if node is None:
                if not left:
                    break
                node, outer, tag, mark, is_block = left.pop()
                self._leave(current, tag, mark, is_block)
                current, node = outer, node.next
                continue
            tag = node.tag or ""
            if tag == "-text":
                self._add_text(node.text_content or "")
            elif tag == "br":
                self._add_break(_BREAK)
            elif tag == "pre" and not self.row_depth:
                self._add_code(node, current)
            elif tag not in _UNREAD:
                said = node.attributes if tag not in _EMPHASIS else {}
                if tag != "a" or not _is_permalink(node, said):
                    outer, mark, is_block = current, self._mark(tag, said), tag not in _INLINE
                    if tag == "time" and (value := said.get("datetime")):
                        self.found.times.append(TimeMark(len(self.found.blocks), value.strip(), current))
                    if is_block:
                        current = self._enter(node, tag, said, current)
                    if (child := node.child) is not None:
                        left.append((node, outer, tag, mark, is_block))
                        node = child
                        continue
                    self._leave(current, tag, mark, is_block)
                    current = outer
            node = node.next
        self._flush(0)

    def _add_text(self, text: str) -> None:
        self.parts.append(text)
        self.texts.append(text)
        if not self.has_text and not text.isspace():
            self.has_text = True
        if self.links:
            self.link_chars += len(text.strip())

    def _add_break(self, part: Part) -> None:
        self.parts.append(part)
        self.texts.append(" ")

    def _mark(self, tag: str, said: dict[str, str | None]) -> Mark | None:
        """Notes the beginning of inline markup; `None` if it adds nothing to what is open."""
        if tag == "a":
            self.links += 1
            mark = Mark("a", href=(said.get("href") or "").strip())
        elif tag in _OPENING:
            mark = _OPENING[tag]
        else:
            return None
        if mark.sign in self.open_signs:
            return None
        self.open_signs.add(mark.sign)
        self.parts.append(mark)
        self.open_marks.append(mark)
        return mark

    def _enter(self, node: LexborNode, tag: str, said: dict[str, str | None], current: int) -> int:
        """Ends the block before a block-level element; within a row of a table only its cells are told apart."""
        if self.row_depth:
            self.row_depth += 1
            self._add_break(_CELL if tag in ("td", "th") else " ")
            return current
        self._flush(current)
        number = 0
        if tag == "ol":
            self.counts[len(self.found.containers)] = _number(said.get("start"), 1) - 1
        elif tag == "li" and self.found.containers[current].tag == "ol":
            number = self.counts[current] = _number(said.get("value"), self.counts[current] + 1)
        self.found.containers.append(_container(said, tag, current, number))
        index = len(self.found.containers) - 1
        if tag == "tr" and self._is_data(node, current):
            self.row_depth = 1
        return index

    def _leave(self, current: int, tag: str, mark: Mark | None, is_block: bool) -> None:
        if tag == "a":
            self.links -= 1
        if mark is not None:
            self.open_marks.pop()  # Elements end in the opposite order of that in which they began.
            self.open_signs.discard(mark.sign)
            self.parts.append(_CLOSING[mark.sign])
        if not is_block:
            return
        if self.row_depth:
            self.row_depth -= 1
            if self.row_depth:
                self._add_break(" ")
                return
        self._flush(current)

    def _flush(self, container: int) -> None:
        """Makes a block of what was read. Markup that is still open goes on in the next one."""
        if self.has_text:
            text = " ".join("".join(self.texts).split())
            if text:
                self.parts += [_CLOSING[mark.sign] for mark in reversed(self.open_marks)]
                self.found.blocks.append(Block(text, self.parts, min(self.link_chars, len(text)), container))
        if self.parts:
            self.parts = list(self.open_marks)
            self.texts = []
            self.link_chars = 0
            self.has_text = False

    def _add_code(self, node: LexborNode, current: int) -> None:
        self._flush(current)
        text = _code_of(node).strip("\n").rstrip()
        if text.strip():
            self.found.containers.append(_container(node.attributes, "pre", current, 0))
            index = len(self.found.containers) - 1
            self.found.blocks.append(Block(text, [text], 0, index, _code_language(node)))

    def _is_data(self, row: LexborNode, table: int) -> bool:
        """Whether the table of `row` holds data, one answer for all its rows; others only arrange the page."""
        while self.found.containers[table].tag not in ("table", "body"):
            table = self.found.containers[table].parent
        if (known := self.counts.get(-table - 1)) is None:
            element = row.parent
            while element is not None and element.tag not in ("table", "body"):
                element = element.parent
            known = self.counts[-table - 1] = int(element is not None and _holds_data(element))
        return bool(known)


def _is_permalink(link: LexborNode, said: dict[str, str | None]) -> bool:
    """Whether this is a mark by which a heading links to itself: a character, in a few elements at most."""
    if not (said.get("href") or "").lstrip().startswith("#"):
        return False
    text = ""
    for count, node in enumerate(link.traverse(include_text=True)):
        text += (node.text_content or "").strip() if node.tag == "-text" else ""
        if len(text) > 1 or count > _MOST_OF_PERMALINK:
            return False
    return text in _PERMALINKS


def _holds_data(table: LexborNode) -> bool:
    """Whether its cells hold values, and no pages: no table, heading, code or form, and one paragraph at most."""
    if table.attributes.get("role") == "presentation":
        return False
    cells = chars = 0
    for node in table.traverse(include_text=True):
        tag = node.tag or ""
        if tag == "-text":
            chars += len(node.text_content or "")
        elif tag in ("td", "th"):
            cells += 1
        elif (tag in _NOT_DATA and node.mem_id != table.mem_id) or (tag == "p" and _follows_paragraph(node)):
            return False
    return cells > 0 and chars / cells < _MAX_CELL_CHARS


def _follows_paragraph(node: LexborNode) -> bool:
    before = node.prev
    if before is not None and before.tag == "-text":
        before = before.prev
    return before is not None and before.tag == "p"


def _number(said: str | None, otherwise: int) -> int:
    """A number that a list gives, if a list in markdown can have it."""
    text = (said or "").strip()
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else otherwise
    return number if 0 < number <= _MAX_NUMBER else 0


def _container(said: dict[str, str | None], tag: str, parent: int, number: int) -> Container:
    if not said:
        return Container(parent, tag, "", "", False, False, "", number)
    style = said.get("style") or ""
    is_hidden = "hidden" in said or "display:none" in "".join(style[:_MAX_STYLE_CHARS].lower().split())
    names = f"{(said.get('class') or '')[:300]} {(said.get('id') or '')[:60]}"
    role, item_property = (said.get("role") or "").lower(), said.get("itemprop") or ""
    return Container(parent, tag, names, role, is_hidden, said.get("aria-hidden") == "true", item_property, number)


def _code_of(pre: LexborNode) -> str:
    """The text of `<pre>`. Its lines may also end with `<br>`, or be elements of their own."""
    texts: list[str] = []
    for node in pre.traverse(include_text=True):
        tag = node.tag or ""
        if tag == "-text":
            texts.append(node.text_content or "")
        elif tag == "br" or (tag in _LINES and texts and not texts[-1].endswith("\n")):
            texts.append("\n")
    return "".join(texts)


def _code_language(node: LexborNode) -> str:
    inner = node.css_first("code")
    names = " ".join(
        (element.attributes.get("class") or "")[:200] for element in (node, inner, node.parent) if element is not None
    )
    found = _CODE_LANGUAGE.search(names)
    return found[1].lower() if found else ""
