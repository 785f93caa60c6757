"""The lines of a PDF's pages, with where they stand and how large they are.

Comes in: a document of pdfium; goes out: pages of lines. Called by `pdf`.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import pypdfium2
import pypdfium2.raw as pdfium

MAX_PAGES = 2_000
MAX_CHARS = 20_000_000
"""Of a longer document the first pages are taken, and its draft has the flag `truncated`."""

_MAX_PLACED_LINES = 3_000  # of one page; a page with more is no text that anybody reads
_IMAGES_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it is read. `size` is the height of its letters in points, 0 if nobody knows; `y` grows upwards."""

    text: str
    size: float = 0.0
    left: float = 0.0
    right: float = 0.0
    y: float = 0.0


@dataclass(frozen=True, slots=True)
class PdfPage:
    """The lines of a page in their order; `shows` if there is anything on it, text or not."""

    lines: tuple[Line, ...]
    shows: bool = True


def read_pages(document: pypdfium2.PdfDocument) -> tuple[list[PdfPage], bool]:
    """The pages, and whether there are more than are read. One that cannot be loaded is empty."""
    pages: list[PdfPage] = []
    left = MAX_CHARS
    for number in range(min(len(document), MAX_PAGES)):
        page = _read_page(document, number, left)
        pages.append(page)
        left -= sum(len(line.text) for line in page.lines)
        if left <= 0:
            break
    return pages, len(pages) < len(document) or left <= 0


def _read_page(document: pypdfium2.PdfDocument, number: int, most: int) -> PdfPage:
    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        return PdfPage((), shows=False)  # It shows nothing in any viewer either.
    try:
        lines = _lines(page, most)
        return PdfPage(lines, shows=bool(lines) or _shows_something(page))
    finally:
        page.close()


def _shows_something(page: pypdfium2.PdfPage) -> bool:
    return next(iter(page.get_objects(max_depth=_IMAGES_DEPTH)), None) is not None


def _lines(page: pypdfium2.PdfPage, most: int) -> tuple[Line, ...]:
    try:
        text_page = page.get_textpage()
    except pypdfium2.PdfiumError:
        return ()
    try:
        count = text_page.count_chars()
        text = str(text_page.get_text_range(0, min(count, most))) if count > 0 else ""
        # Letters beyond the first 65,536 of Unicode are two for one side and one for the other.
        return _placed(text_page, text) if len(text) == count else _unplaced(text)
    finally:
        text_page.close()


def _unplaced(text: str) -> tuple[Line, ...]:
    return tuple(Line(line.strip()) for line in text.splitlines() if line.strip())


def _placed(text_page: pypdfium2.PdfTextPage, text: str) -> tuple[Line, ...]:
    """The lines of a text in which each letter has the place that pdfium counts."""
    raw = text.split("\n")
    if len(raw) > _MAX_PLACED_LINES:
        return _unplaced(text)
    lines: list[Line] = []
    place = 0
    for each in raw:
        shown = each.strip()
        if shown:
            first = place + each.index(shown[0])
            lines.append(_line(text_page, shown, first, first + len(shown) - 1))
        place += len(each) + 1
    return tuple(lines)


def _line(text_page: pypdfium2.PdfTextPage, text: str, first: int, last: int) -> Line:
    box, end = pdfium.FS_RECTF(), pdfium.FS_RECTF()
    x, y = ctypes.c_double(), ctypes.c_double()
    known = (
        pdfium.FPDFText_GetLooseCharBox(text_page, first, box)
        and pdfium.FPDFText_GetLooseCharBox(text_page, last, end)
        and pdfium.FPDFText_GetCharOrigin(text_page, first, x, y)
    )
    # The first letter may be a bullet, or an initial three lines high.
    return Line(text, abs(end.top - end.bottom), box.left, end.right, y.value) if known else Line(text)
