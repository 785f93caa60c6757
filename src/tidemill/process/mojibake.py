"""Puts right text that was decoded with the wrong charset before it reached us (`cafÃ©`).

Comes in: text or markup; goes out: the same as it was meant. Called by `Page` and by the step `clean`.
"""

from __future__ import annotations

import re

import ftfy

# The first byte of a UTF-8 sequence read as windows-1252 or Latin-1, followed by what its other bytes look like. Real
# text has such pairs so seldom that ftfy, a hundred times as slow as this search, is asked about few lines.
_TRACE = re.compile("[ÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙàáâãäåæçèéêëìíîïðñòóôГРСÐ]["
                    "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸЂЃѓЌЋЏђќћџўЎЈ°±²³µ¶·¸¹º»¼½¾¿]")  # fmt: skip


MOJIBAKE = "mojibake_repaired"
"""The flag of a draft in which wrongly decoded text was put right."""

_RUN = re.compile(r"[^<>\n]+")


# The same trace in bytes that are UTF-8: a first byte (C3 80 … C3 BF), then what UTF-8 makes of another one.
_TRACE_IN_UTF8 = re.compile(rb"\xc3[\x80-\xbf](?:\xc2|\xc5|\xc6|\xcb|\xe2[\x80\x82\x84])")


def repair_markup(markup: str, body: bytes) -> str:
    """`markup` with mojibake repaired in each run of text between tags. `body` is what it was decoded from."""
    if markup.isascii():
        return markup
    # In bytes the search is ten times as fast; where each byte is a letter, only the text can be searched.
    if not (_TRACE.search(markup) if len(body) == len(markup) else _TRACE_IN_UTF8.search(body)):
        return markup
    return _RUN.sub(lambda run: repair(run[0]), markup)


def repair(text: str) -> str:
    """`text` with mojibake repaired, line by line, wherever ftfy is sure of it."""
    if text.isascii() or not _TRACE.search(text):
        return text
    return "\n".join(ftfy.fix_encoding(line) if _TRACE.search(line) else line for line in text.split("\n"))
