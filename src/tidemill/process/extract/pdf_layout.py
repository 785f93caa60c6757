"""From the lines of a PDF to its text: paragraphs, headings, no running heads, no hyphens at line ends.

Comes in: pages of lines; goes out: blocks. Called by `pdf`. No page is understood by its picture: what is told here is
told by the size of letters and the gaps between lines, and where those are not known, by nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

from tidemill.process.extract.pdf_pages import Line, PdfPage

SOFT_BREAK = "\ufffe"
"""What pdfium writes in place of a hyphen at the end of a line, which it joins to the next one."""

_HYPHEN_AT_END = re.compile(r"[^\W\d_][-\u2010\u00ad]$")
_BROKEN_WORD = re.compile(rf"(?<![^\W\d_])([^\W\d_]++){SOFT_BREAK}\s*+(\w++)")
_COMPOUND = re.compile(r"(?<![^\W\d_])[^\W\d_]++-[^\W\d_]++")
_SENTENCE_END = re.compile(r"[.!?:;…][\"'”’»)\]]*$")
_ITEM = re.compile(r"(?:[•‣◦▪●○■□–—*·]|-|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s+\S")
_BULLET = re.compile(r"^[•‣◦▪●○■□·]\s+")
_NUMBER = re.compile(r"\d+")
_LETTERS = re.compile(r"[^\W\d_]")
_SAME_SIZE, _HEADING_SIZE = 0.08, 1.15
_TAIL_CHARS = 20
_GAP, _FULL = 1.35, 0.75
_PROSE_WIDTH = 15  # A line of prose is at least that many times as wide as high.
_NEIGHBOURS = 8
_MAX_HEADING_CHARS, _MAX_HEADING_SHARE, _MAX_LEVELS = 200, 0.3, 4
_FURNITURE_LINES, _FURNITURE_PAGES, _FURNITURE_SHARE, _MAX_FURNITURE_CHARS = 2, 3, 0.3, 100


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, an item of a list or a heading (`level` from 1), its lines parted only where they mean it."""

    text: str
    level: int = 0
    page: int = 0
    size: float = 0.0


@dataclass(slots=True)
class _Paragraph:
    """A block while its lines are put together: a paragraph may go on over any number of pages."""

    page: int
    size: float
    parts: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Join more text to it, with a mark where a hyphen stood between them."""
        before = self.parts[-1] if self.parts else "\n"
        if _HYPHEN_AT_END.search(before[-2:]) and text[:1].islower():
            self.parts[-1] = before[:-1] + SOFT_BREAK
        elif not before.endswith(("\n", SOFT_BREAK)):
            self.parts.append(" ")
        self.parts.append(text)


def without_furniture(pages: Sequence[PdfPage]) -> list[PdfPage]:
    """The pages without their running heads and page numbers: what stands outermost on three pages or more."""
    outer = [set(_outermost(page)) for page in pages]
    seen = Counter(key for lines in outer for key in {_furniture_key(line.text) for line in lines} if key)
    least = max(_FURNITURE_PAGES, _FURNITURE_SHARE * sum(1 for page in pages if page.lines))
    furniture = {key for key, count in seen.items() if count >= least}
    return [
        replace(page, lines=tuple(x for x in page.lines if x not in edge or _furniture_key(x.text) not in furniture))
        for page, edge in zip(pages, outer, strict=True)
    ]


def blocks_of(pages: Sequence[PdfPage]) -> list[Block]:
    """The text of the pages in their order."""
    body = _body_size(line for page in pages for line in page.lines)
    found: list[_Paragraph] = []
    for number, page in enumerate(pages, 1):
        for place, lines in enumerate(_paragraphs(page.lines)):
            paragraph = _Paragraph(number, lines[0].size)
            for line in lines:
                paragraph.add(line.text)
            if found and place == 0 and _goes_on(found[-1], paragraph):
                found[-1].add("".join(paragraph.parts))
            else:
                found.append(paragraph)
    texts = ["".join(paragraph.parts).strip() for paragraph in found]
    compounds = {word.lower() for text in texts for word in _COMPOUND.findall(text)}
    blocks = [
        Block(_mended(text, compounds), 0, paragraph.page, paragraph.size)
        for text, paragraph in zip(texts, found, strict=True)
    ]
    return _with_levels(blocks, body)


def is_bullet(text: str) -> bool:
    """Whether a block is an item of a list."""
    return _BULLET.match(text) is not None


def without_bullet(text: str) -> str:
    """An item of a list without its mark."""
    return _BULLET.sub("", text, count=1)


def _outermost(page: PdfPage) -> list[Line]:
    """The two highest and the two lowest lines of a page; without places, its first and its last."""
    if any(line.size for line in page.lines):
        lines = sorted(page.lines, key=lambda line: line.y)
        return [*lines[:_FURNITURE_LINES], *lines[-_FURNITURE_LINES:]]
    return [*page.lines[:1], *page.lines[-1:]]


def _furniture_key(text: str) -> str:
    """What is equal on each page of a running head: all but its number. Rows of numbers are no heads."""
    if len(text) > _MAX_FURNITURE_CHARS:
        return ""
    numbers = len(_NUMBER.findall(text))
    if numbers > 2 or (numbers == 2 and not _LETTERS.search(text) and "/" not in text):
        return ""
    return _NUMBER.sub("#", " ".join(text.split()).lower())


def _body_size(lines: Iterable[Line]) -> float:
    """The size of most letters."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size * 2) / 2] += len(line.text)
    return max(sizes, key=lambda size: (sizes[size], size)) if sizes else 0.0


def _paragraphs(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Lines that belong together."""
    gaps = [up.y - down.y for up, down in pairwise(lines) if 0 < up.y - down.y < 4 * up.size]
    pitch = median(gaps) if gaps else 0.0
    paragraph: list[Line] = []
    for place, line in enumerate(lines):
        if paragraph and _begins(paragraph, line, pitch, is_full=_is_full(lines, place - 1)):
            yield paragraph
            paragraph = []
        # A line that is not full ends where its writer wanted it to end, if it is not the last of its column.
        if paragraph and line.y <= paragraph[-1].y and not _is_full(lines, place - 1):
            paragraph[-1] = replace(paragraph[-1], text=paragraph[-1].text + "\n")
        paragraph.append(line)
    if paragraph:
        yield paragraph


def _begins(paragraph: Sequence[Line], line: Line, pitch: float, *, is_full: bool) -> bool:
    """Whether a line begins a new paragraph."""
    last = paragraph[-1]
    ended = _ends_sentence(last.text)
    if _ITEM.match(line.text) and (not is_full or ended or _BULLET.match(line.text)):
        return True
    if not line.size or not last.size:
        return False
    if abs(line.size - last.size) > _SAME_SIZE * max(line.size, last.size):
        return True
    fall = last.y - line.y
    if fall < 0:  # the next column
        return ended or not line.text[:1].islower()
    if fall > _GAP * (pitch if pitch > 0.6 * line.size else line.size):
        return True
    indented = line.left - min(each.left for each in paragraph) > 0.8 * line.size and line.left > last.left
    return ended and (not is_full or (indented and len(paragraph) > 1))


def _is_full(lines: Sequence[Line], place: int) -> bool:
    """Whether a line is as wide as prose around it is, so that the next goes on with its sentence."""
    line = lines[place]
    if not line.size:
        return False
    near = lines[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS + 1]
    width = max(each.right - each.left for each in near if abs(each.left - line.left) < 2 * line.size)
    return width >= _PROSE_WIDTH * line.size and line.right - line.left >= _FULL * width


def _goes_on(before: _Paragraph, after: _Paragraph) -> bool:
    """Whether a paragraph goes on on the next page."""
    same = before.size and after.size and abs(before.size - after.size) <= _SAME_SIZE * before.size
    return bool(same) and not _ends_sentence(before.parts[-1]) and after.parts[0][:1].islower()


def _ends_sentence(text: str) -> bool:
    return _SENTENCE_END.search(text[-_TAIL_CHARS:]) is not None


def _mended(text: str, compounds: set[str]) -> str:
    """Words that were broken at the end of a line as one; those that have their hyphen elsewhere, too, keep it."""

    def mend(found: re.Match[str]) -> str:
        first, second = found[1], found[2]
        has_hyphen = f"{first}-{second}".lower() in compounds or not second[:1].islower()
        return f"{first}-{second}" if has_hyphen else first + second

    return _BROKEN_WORD.sub(mend, _BROKEN_WORD.sub(mend, text)).replace(SOFT_BREAK, "-")


def _with_levels(blocks: Sequence[Block], body: float) -> list[Block]:
    """The blocks with those marked as headings that are set larger than the body, unless that is half of the text."""
    large = [block for block in blocks if _may_be_heading(block, body)]
    if sum(len(block.text) for block in large) > _MAX_HEADING_SHARE * sum(len(block.text) for block in blocks):
        return list(blocks)
    sizes = sorted({round(block.size) for block in large}, reverse=True)
    levels = {size: min(level, _MAX_LEVELS) for level, size in enumerate(sizes, 1)}
    return [
        replace(block, level=levels[round(block.size)], text=" ".join(block.text.split()))
        if _may_be_heading(block, body)
        else block
        for block in blocks
    ]


def _may_be_heading(block: Block, body: float) -> bool:
    is_large = body > 0 and block.size >= _HEADING_SIZE * body and not is_bullet(block.text)
    return is_large and len(block.text) <= _MAX_HEADING_CHARS and len(_LETTERS.findall(block.text)) > 1
