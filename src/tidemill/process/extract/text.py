"""Plain text as it is.

Comes in: a text/plain page; goes out: one draft of kind `text`. Called by the pipeline.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from tidemill.models.document import Draft
from tidemill.process.extract.page import Page
from tidemill.process.extract.registry import TEXT, handles

_MAX_TITLE_CHARS = 120
_SPECIAL = re.compile(r"([\\`*_\[\]<>~|])")
_BLOCK = re.compile(r"^(\s*)(#{1,6}\s|[-+=]|\d+[.)]\s)", re.MULTILINE)


@handles(*TEXT)
def extract_text(page: Page) -> tuple[Draft, ...]:
    """The text, titled by its first line that is not empty, cut to 120 characters, or else by its file name."""
    first = first_line(page.text)
    draft = Draft(
        kind="text",
        title=first or file_name(page.url),
        content=page.text,
        markdown=as_markdown(page.text),
        provenance={"title": "text" if first else "url", "content": "text"},
        flags=page.charset_flags,
    )
    return (draft,)


def first_line(text: str) -> str:
    """The first line with something on it, white space folded, at most 120 characters."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    return " ".join(line.split())[:_MAX_TITLE_CHARS].strip()


def file_name(url: str) -> str:
    """The last part of the path of a URL."""
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])


def as_markdown(text: str) -> str:
    """Markdown that shows `text` as it is."""
    escaped = _SPECIAL.sub(r"\\\1", text)
    return _BLOCK.sub(
        lambda found: f"{found[1]}\\{found[2]}" if not found[2][0].isdigit() else _escape_number(found), escaped
    )


def _escape_number(found: re.Match[str]) -> str:
    number = found[2]
    mark = next(index for index, char in enumerate(number) if char in ".)")
    return f"{found[1]}{number[:mark]}\\{number[mark:]}"
