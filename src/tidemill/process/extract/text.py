"""Plain text as it is.

Comes in: a text/plain page; goes out: one draft of kind `text`. Called by the pipeline.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from tidemill.models.document import Draft, origin
from tidemill.process.extract.page import Page
from tidemill.process.extract.registry import TEXT, handles

_MAX_TITLE_CHARS = 120
_SPECIAL = re.compile(r"([\\`*_\[\]<>~|]|&(?=#?[a-zA-Z0-9]{1,32};))")
_INDENTED = re.compile(r"^(?: {4,}|[ ]*\t[ \t]*)", re.MULTILINE)  # would be a block of code
_LINE_END = re.compile(r"(?<=\S)[ \t]*\r?\n(?=[^\n]*\S)(?![ \t]*\r?\n)")
_EMPTY_LINES = re.compile(r"\r?\n(?:[ \t]*\r?\n)+")
_COLUMNS = re.compile(r"^(?: {4}|\t)|\S {3,}\S|\S\t+\S", re.MULTILINE)
_TICKS = re.compile(r"`+")
_BLOCK = re.compile(r"^([^\S\n]*)(#{1,6}(?=\s|$)|[-+=]|\d+[.)](?=\s|$))", re.MULTILINE)


@handles(*TEXT)
def extract_text(page: Page) -> tuple[Draft, ...]:
    """The text, titled by its first line that is not empty, cut to 120 characters, or else by its file name."""
    first = first_line(page.text)
    draft = Draft(
        kind="text",
        title=first or file_name(page.url),
        content=page.text,
        markdown=_laid_out(page.text.strip("\r\n")),
        provenance={name: origin("text") for name in ("content", "markdown")}
        | {"title": origin("text", rule="first line") if first else origin("url")},
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
    """Markdown that shows `text` as it is, line by line."""
    escaped = _SPECIAL.sub(r"\\\1", _INDENTED.sub("", text))
    escaped = _BLOCK.sub(
        lambda found: f"{found[1]}\\{found[2]}" if not found[2][0].isdigit() else _escape_number(found), escaped
    )
    return _LINE_END.sub(r"\\\n", escaped)


def _laid_out(text: str) -> str:
    """As `as_markdown`, but what is indented or in columns keeps its layout: blocks of code."""
    return "\n\n".join(
        _fenced(block) if _COLUMNS.search(block) else as_markdown(block) for block in _EMPTY_LINES.split(text)
    )


def _fenced(block: str) -> str:
    longest = max(map(len, _TICKS.findall(block)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{block.rstrip()}\n{fence}"


def _escape_number(found: re.Match[str]) -> str:
    number = found[2]
    mark = next(index for index, char in enumerate(number) if char in ".)")
    return f"{found[1]}{number[:mark]}\\{number[mark:]}"
