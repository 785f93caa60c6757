"""Writes chosen blocks as plain text and as markdown: the same words in the same order.

Comes in: blocks and which of them were chosen; goes out: both texts. Called by `maintext`. Markdown is CommonMark with
the tables of GitHub; `inline` writes what stands within a block.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from tidemill.process.extract.blocks import Block, Blocks, Mark, Part
from tidemill.process.extract.inline import TICKS, Absolute, write_inline

_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_LINE_START = re.compile(r"^(?:[#>+\-=|]|:(?=-)|(\d{1,9})(?=[.)](?:\s|$)))")
_HEADING_END = re.compile(r"(?:^|(?<=\s))#(?=#*$)")
_BORDER = re.compile(r"(?<!\\)\|")
_ESCAPED = r"\\#"
_MAX_DEPTH = 8


class _Place(NamedTuple):
    """Where a container is: the items and quotations around it, the outermost first, the innermost item, its table."""

    around: tuple[int, ...] = ()
    item: int = -1
    table: int = -1


def render(found: Blocks, chosen: Iterable[int], absolute: Absolute) -> tuple[str, str]:
    """Plain text, a line for each block, and markdown with links made `absolute`."""
    indexes = list(chosen)
    writer = _Writer(found, _places(found), _widths(found, indexes))
    for index in indexes:
        writer.add(found.blocks[index], absolute)
    return "\n".join(writer.plain), "".join(writer.markdown)


@dataclass(slots=True)
class _Writer:
    """Both texts so far, and what the last block was written in: `open`, each container with its prefix.

    Of a list only what was written last can go on: code and tables stand at the margin, and an item after them begins a
    list of its own. So nothing is ever indented so far that it would be code.
    """

    found: Blocks
    places: list[_Place]
    widths: dict[int, int]
    plain: list[str] = field(default_factory=list)
    markdown: list[str] = field(default_factory=list)
    begun: set[int] = field(default_factory=set)
    open: list[tuple[int, str]] = field(default_factory=list)
    table: int = -1

    def add(self, block: Block, absolute: Absolute) -> None:
        """Writes one more block."""
        tag = self.found.containers[block.container].tag
        place = self.places[block.container]
        marker = self._marker(place)
        lines, marked = _texts(block, tag, absolute)
        self.plain.append(_prefixed(lines, "", marker))
        table, self.table = self.table, -1
        if _is_row(block, tag):
            self._add_row(marked, place, is_next=0 <= place.table == table)
        elif tag == "pre":
            self._add_code(marked, marker)
        else:
            self._add_text(marked, marker, place)

    def _marker(self, place: _Place) -> str:
        """The mark of an item before its first block; nothing before the others."""
        if place.item < 0 or place.item in self.begun:
            return ""
        self.begun.add(place.item)
        number = self.found.containers[place.item].number
        return f"{number}. " if number else "- "

    def _add_row(self, marked: str, place: _Place, *, is_next: bool) -> None:
        if is_next:
            self.markdown.append("\n")
        else:
            marked += "  |" * (self.widths.get(place.table, 0) - _cells_in(marked))
            marked += f"\n|{' --- |' * _cells_in(marked)}"
            self._separate(self._shared_with(place))
            del self.open[self._shared_with(place) :]
            self.open += [(one, "> ") for one in place.around[len(self.open) :]]
        self.table = place.table
        self.markdown.append(_prefixed(marked, "".join(prefix for _, prefix in self.open), ""))

    def _add_code(self, marked: str, marker: str) -> None:
        """Renderers agree about code only if it is in no list and in no quotation."""
        for text in (marker.rstrip(), marked):
            if text:
                self._separate(0)
                self.markdown.append(text)
        self.open = []

    def _add_text(self, marked: str, marker: str, place: _Place) -> None:
        kept = self._shared_with(place)
        if marker and self._may_follow(place, kept):
            self.markdown.append("\n")
        else:
            self._separate(kept)
        first = "".join(prefix for _, prefix in self.open[:kept])
        del self.open[kept:]
        for one in place.around[kept:] if kept == 0 else [one for one in place.around if self._is_new(one)]:
            if self.found.containers[one].tag == "blockquote":
                self.open.append((one, "> "))
                first += "> "
            elif marker and one == place.item:
                self.open.append((one, " " * len(marker)))
                first += marker
        self.markdown.append(_led(marked, first, "".join(prefix for _, prefix in self.open)))

    def _is_new(self, container: int) -> bool:
        return all(container != one for one, _ in self.open)

    def _may_follow(self, place: _Place, kept: int) -> bool:
        """Whether an item can stand in the very next line: after another one, or in it, if it is not the second."""
        if not any(self.found.containers[one].tag == "li" for one, _ in self.open):
            return False
        return kept < len(self.open) or self.found.containers[place.item].number <= 1

    def _separate(self, kept: int) -> None:
        """An empty line, in the quotations that go on."""
        if self.markdown:
            self.markdown.append(f"\n{''.join(prefix for _, prefix in self.open[:kept]).rstrip()}\n")

    def _shared_with(self, place: _Place) -> int:
        """How many of the open items and quotations the next block is in, too."""
        kept = 0
        while kept < len(self.open) and self.open[kept][0] in place.around:
            kept += 1
        return kept


def _places(found: Blocks) -> list[_Place]:
    places = [_Place()]
    for index, container in enumerate(found.containers[1:], start=1):
        place = places[container.parent]
        if container.tag == "table":
            quotes = tuple(one for one in place.around if found.containers[one].tag == "blockquote")
            place = _Place(quotes, table=index)
        elif container.tag in ("li", "blockquote"):
            around = (*place.around[: _MAX_DEPTH - 1], index)
            place = _Place(around, index if container.tag == "li" else place.item)
        places.append(place)
    return places


def _widths(found: Blocks, chosen: list[int]) -> dict[int, int]:
    """Of each table the most cells that a row has. What a table's first row has no cell for is not shown at all."""
    tables: dict[int, int] = {}
    for index in chosen:
        block = found.blocks[index]
        if found.containers[block.container].tag == "tr":
            table = found.containers[block.container].parent
            while table > 0 and found.containers[table].tag != "table":
                table = found.containers[table].parent
            cells = sum(1 for part in block.parts if isinstance(part, Mark) and part.sign == "|")
            tables[table] = max(tables.get(table, 0), cells)
    return tables


def _cells_in(row: str) -> int:
    return len(_BORDER.findall(row)) - 1


def _texts(block: Block, tag: str, absolute: Absolute) -> tuple[str, str]:
    if tag == "pre":
        return block.text, _fenced(block)
    if _is_row(block, tag):
        cells = _cells(block)
        plain = " | ".join(" ".join("".join(_strings(cell)).split()) for cell in cells)
        shown = (write_inline(cell, absolute).replace("\n", " ").replace("|", "\\|") for cell in cells)
        return plain, f"| {' | '.join(shown)} |"
    if tag in _HEADINGS:
        text = write_inline(block.parts, absolute, emphasis=False).replace("\n", " ")
        return block.text, f"{_HEADINGS[tag]} {_HEADING_END.sub(_ESCAPED, text)}"
    lines = write_inline(block.parts, absolute).split("\n")
    return _broken(block), "\\\n".join(_without_line_start(line) for line in lines)


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


def _cells(block: Block) -> list[list[Part]]:
    cells: list[list[Part]] = []
    for part in block.parts:
        if isinstance(part, Mark) and part.sign == "|":
            cells.append([])
        elif cells:
            cells[-1].append(part)
    return cells


def _strings(parts: list[Part]) -> Iterable[str]:
    return (part if isinstance(part, str) else " " if part.sign == "br" else "" for part in parts)


def _fenced(block: Block) -> str:
    longest = max((len(run) for run in TICKS.findall(block.text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{block.language}\n{block.text}\n{fence}"


def _prefixed(text: str, prefix: str, marker: str) -> str:
    """`marker` before the first line, as many blanks before the others; `prefix` before all."""
    return _led(text, prefix + marker, prefix + " " * len(marker))


def _led(text: str, first: str, others: str) -> str:
    """`first` before the first line, `others` before the others."""
    return first + (text.replace("\n", f"\n{others}") if "\n" in text else text)


def _without_line_start(line: str) -> str:
    """A line that does not begin as a heading, a list or a quotation would."""
    found = _LINE_START.match(line)
    if found is None:
        return line
    end = found.end() if found[1] else 0
    return f"{line[:end]}\\{line[end:]}"
