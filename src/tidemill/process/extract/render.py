"""Writes chosen blocks as plain text and as markdown: the same words in the same order.

Comes in: blocks and which of them were chosen; goes out: both texts. Called by `maintext`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote

from tidemill.process.extract.blocks import Block, Blocks, Mark

Absolute = Callable[[str], str | None]
"""The absolute http(s) URL of a link, `None` if it leads nowhere that a reader can follow."""

_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_LISTS = frozenset(("ul", "ol", "menu"))
_SPECIAL = re.compile(r"[\\`*\[\]]|(?<![^\W_])_|_(?![^\W_])")
_LINE_START = re.compile(r"^(?:[#>+\-=|]|(\d{1,9})(?=[.)]\s))")
_BORDER = re.compile(r"(?<!\\)\|")
_TICKS = re.compile(r"`+")
_SAFE_IN_URL = "/:?#@!$&'*+,;=%~-._"
_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class _Place:
    """What a container is in: item, depth of lists, quotations, table."""

    item: int = -1
    depth: int = 0
    quotes: int = 0
    table: int = -1


def render(found: Blocks, chosen: Iterable[int], absolute: Absolute) -> tuple[str, str]:
    """Plain text, a line for each block, and markdown with links made `absolute`."""
    places = _places(found)
    plain: list[str] = []
    markdown: list[str] = []
    last = _Place()
    begun: set[int] = set()
    for index in chosen:
        block = found.blocks[index]
        place = places[block.container]
        tag = found.container(block).tag
        marker = _marker(found, place, begun)
        lines, marked = _texts(block, tag, absolute)
        plain.append(_prefixed(lines, "", marker))
        if _is_row(block, tag):
            is_next = bool(markdown) and place.table >= 0 and place.table == last.table
            marked = marked if is_next else f"{marked}\n{_rule(marked)}"
        else:
            is_next = bool(marker) and last.item >= 0
            place = _Place(place.item, place.depth, place.quotes)
        indent = "  " * min(place.depth - 1, _MAX_DEPTH) if place.item >= 0 else ""
        indent += "" if marker or place.item < 0 else "  "
        marked = _prefixed(marked, indent + "> " * min(place.quotes, _MAX_DEPTH), marker)
        markdown += (("\n" if is_next else "\n\n") if markdown else "", marked)
        last = place
    return "\n".join(plain), "".join(markdown)


def _places(found: Blocks) -> list[_Place]:
    places = [_Place()]
    for index, container in enumerate(found.containers[1:], start=1):
        outer = places[container.parent]
        match container.tag:
            case "li":
                outer = _Place(index, max(outer.depth, 1), outer.quotes, -1)
            case "ul" | "ol" | "menu":
                outer = _Place(outer.item, outer.depth + 1, outer.quotes, -1)
            case "blockquote":
                outer = _Place(outer.item, outer.depth, outer.quotes + 1, -1)
            case "table":
                outer = _Place(-1, 0, outer.quotes, index)
        places.append(outer)
    return places


def _marker(found: Blocks, place: _Place, begun: set[int]) -> str:
    """The mark of an item before its first block; nothing before the others."""
    if place.item < 0 or place.item in begun:
        return ""
    begun.add(place.item)
    number = found.containers[place.item].number
    return f"{number}. " if number else "- "


def _texts(block: Block, tag: str, absolute: Absolute) -> tuple[str, str]:
    if tag == "pre":
        return block.text, _fenced(block)
    if _is_row(block, tag):
        cells = _cells(block)
        plain = " | ".join(" ".join("".join(_strings(cell)).split()) for cell in cells)
        shown = (_Inline(absolute).write(cell).replace("\n", " ").replace("|", "\\|") for cell in cells)
        return plain, f"| {' | '.join(shown)} |"
    if tag in _HEADINGS:
        text = _Inline(absolute, emphasis=False).write(block.parts).replace("\n", " ")
        return block.text, f"{_HEADINGS[tag]} {text}"
    lines = _Inline(absolute).write(block.parts).split("\n")
    return _broken(block), "  \n".join(_without_line_start(line) for line in lines)


def _broken(block: Block) -> str:
    """The text of a block with its line breaks."""
    if not any(isinstance(part, Mark) and part.sign == "br" for part in block.parts):
        return block.text
    text = "".join("\v" if isinstance(part, Mark) and part.sign == "br" else part if isinstance(part, str) else ""
                   for part in block.parts)  # fmt: skip
    lines = (" ".join(line.split()) for line in text.split("\v"))
    return "\n".join(line for line in lines if line)


def _is_row(block: Block, tag: str) -> bool:
    return tag == "tr" and any(isinstance(part, Mark) and part.sign == "|" for part in block.parts)


def _cells(block: Block) -> list[list[str | Mark]]:
    cells: list[list[str | Mark]] = []
    for part in block.parts:
        if isinstance(part, Mark) and part.sign == "|":
            cells.append([])
        elif cells:
            cells[-1].append(part)
    return cells


def _strings(parts: list[str | Mark]) -> Iterable[str]:
    return (part if isinstance(part, str) else " " if part.sign == "br" else "" for part in parts)


def _rule(row: str) -> str:
    """The line below the first row of a table."""
    return "|" + " --- |" * (len(_BORDER.findall(row)) - 1)


def _fenced(block: Block) -> str:
    longest = max((len(run) for run in _TICKS.findall(block.text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{block.language}\n{block.text}\n{fence}"


def _prefixed(text: str, prefix: str, marker: str) -> str:
    """`marker` before the first line, as many blanks before the others; `prefix` before all."""
    if not prefix and "\n" not in text:
        return marker + text
    first, *others = text.split("\n")
    blank = " " * len(marker)
    return "\n".join((f"{prefix}{marker}{first}", *(f"{prefix}{blank}{line}" for line in others)))


def _without_line_start(line: str) -> str:
    """A line that does not begin as a heading, a list or a quotation would."""
    found = _LINE_START.match(line)
    if found is None:
        return line
    end = found.end() if found[1] else 0
    return f"{line[:end]}\\{line[end:]}"


class _Inline:
    """Inline markup of one block. Marks are well nested, as they come from a tree."""

    def __init__(self, absolute: Absolute, *, emphasis: bool = True) -> None:
        self.absolute = absolute
        self.emphasis = emphasis
        self.open: list[Mark] = []
        self.texts: list[list[str]] = [[]]

    def write(self, parts: list[str | Mark]) -> str:
        """Markdown of `parts`: lines without blanks at their ends, `\\n` only where a line was broken."""
        for part in parts:
            if isinstance(part, str):
                self.texts[-1].append(part if self._in_code() else _SPECIAL.sub(r"\\\g<0>", part))
            elif part.sign == "br":
                self.texts[-1].append("\v")
            elif part.sign != "|" and part.opens:
                self.open.append(part)
                self.texts.append([])
            elif self.open:
                self._close()
        while self.open:
            self._close()
        lines = (" ".join(line.split()) for line in "".join(self.texts[0]).split("\v"))
        return "\n".join(line for line in lines if line)

    def _in_code(self) -> bool:
        return any(mark.sign == "`" for mark in self.open)

    def _close(self) -> None:
        mark, text = self.open.pop(), "".join(self.texts.pop())
        inner = text.strip()
        if not inner:
            self.texts[-1].append(text)
            return
        at = text.index(inner)
        self.texts[-1] += (text[:at], self._wrapped(mark, inner), text[at + len(inner) :])

    def _wrapped(self, mark: Mark, inner: str) -> str:
        is_same_inside = any(outer.sign == mark.sign for outer in self.open)
        if mark.sign == "a":
            target = None if is_same_inside else self.absolute(mark.href)
            return f"[{inner.replace(chr(11), ' ')}]({quote(target, safe=_SAFE_IN_URL)})" if target else inner
        if is_same_inside or self._in_code() or "\v" in inner:
            return inner
        if mark.sign == "`":
            return _code(inner)
        return f"{mark.sign}{inner}{mark.sign}" if self.emphasis else inner


def _code(text: str) -> str:
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    ticks = "`" * (longest + 1 if longest else 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"
