"""Puts right text that was decoded with the wrong charset before it reached us (`cafÃ©`).

Comes in: text or markup; goes out: the same as it was meant. Called by `Page` and by the step `clean`.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8

import ftfy

# What the bytes of a UTF-8 sequence look like when they are read as windows-1252 or Latin-1: a first one, and the one,
# two or three that must follow it. Real text has such a row so seldom that ftfy, a hundred times as slow as this
# search, is asked about few lines.
_NEXT = "[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
_TRACE = re.compile(f"[Â-Þ]{_NEXT}|[à-ï]{_NEXT}{{2}}|[ð-ô]{_NEXT}{{3}}")
# The same in UTF-8 itself.
_NEXT_IN_UTF8 = rb"(?:\xc2[\x80-\xbf]|\xc5[\x80-\xbf]|\xc6\x92|\xcb[\x86\x9c]|\xe2[\x80\x82\x84][\x80-\xbf])"
_TRACE_IN_UTF8 = re.compile(
    rb"\xc3(?:[\x82-\x9e]%b|[\xa0-\xaf]%b{2}|[\xb0-\xb4]%b{3})" % (_NEXT_IN_UTF8, _NEXT_IN_UTF8, _NEXT_IN_UTF8)
)
MOJIBAKE = "mojibake_repaired"
"""The flag of a draft in which wrongly decoded text was put right."""

_MAX_LINE_CHARS = 20_000
_RUN = re.compile(r"[^<>\n]+")


def repair_markup(markup: str, body: bytes) -> str:
    """`markup` with mojibake repaired in each run of text between tags. `body` is what it was decoded from."""
    if markup.isascii():
        return markup
    # In the bytes of UTF-8 the search is ten times as fast; what came in another charset is searched as text.
    if not (_TRACE_IN_UTF8.search(body) if _is_utf8(markup, body) else _TRACE.search(markup)):
        return markup
    return _RUN.sub(lambda run: repair(run[0]), markup)


def _is_utf8(markup: str, body: bytes) -> bool:
    """Whether `body` is `markup` in UTF-8, with or without its mark. No other charset is so long, but by chance."""
    return len(body) - len(markup.encode("utf-8", "replace")) in (0, len(BOM_UTF8))


def repair(text: str) -> str:
    """`text` with mojibake repaired, line by line, wherever ftfy is sure of it. Lines of data (20,000 letters) stay."""
    if text.isascii() or not _TRACE_IN_UTF8.search(text.encode("utf-8", "surrogatepass")):
        return text
    return "\n".join(_repair_line(line) for line in text.split("\n"))


def _repair_line(line: str) -> str:
    return ftfy.fix_encoding(line) if len(line) <= _MAX_LINE_CHARS and _TRACE.search(line) else line
