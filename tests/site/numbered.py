"""Numbered notes for load and fault tests: as many as are asked for, a hundred to an index page."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.site.page import Page
from tests.site.sections import index_page, plain_page
from tests.site.text import filler, number

PER_INDEX = 100
_NOTE = re.compile(r"/n/([0-9]{4,7})\.html")
_INDEX = re.compile(r"/n/index-([0-9]{3,5})\.html")


def numbered_page(path: str, pages: int) -> Page | None:
    """Give the page of a path under /n/ on a site that has this many notes."""
    indexes = -(-pages // PER_INDEX)
    if not pages:
        return None
    if path == "/n/":
        links = [(f"/n/index-{index:03}.html", f"Drawer {index}") for index in range(1, indexes + 1)]
        return index_page(
            path, "Numbered notes", "Notes of the night editor are kept in drawers of one hundred.", links
        )
    if (match := _INDEX.fullmatch(path)) and 1 <= (index := int(match[1])) <= indexes:
        notes = range((index - 1) * PER_INDEX + 1, min(index * PER_INDEX, pages) + 1)
        links = [(f"/n/{note:04}.html", f"Note {note}") for note in notes]
        opening = f"Drawer {index} holds the notes from {notes[0]} to {notes[-1]}."
        return index_page(path, f"Drawer {index}", opening, links)
    if (match := _NOTE.fullmatch(path)) and 1 <= (note := int(match[1])) <= pages and path == f"/n/{note:04}.html":
        return _note(path, note)
    return None


def numbered_paths(pages: int) -> Iterator[str]:
    """Give the paths of all notes and their indexes."""
    if pages:
        yield "/n/"
    yield from (f"/n/index-{index:03}.html" for index in range(1, -(-pages // PER_INDEX) + 1))
    yield from (f"/n/{note:04}.html" for note in range(1, pages + 1))


def _note(path: str, note: int) -> Page:
    first = f"Note {note} was written at {number(path, 1, 5)} in the morning with a pencil of the harbour office."
    second = f"It concerns crate {number(f'{path} crate', 1000, 999_999)}, which has been mislaid."
    more = filler(f"{path} again", 5)
    return plain_page(path, f"Note {note}", (first, second, *more), more=5)
