"""Puts right text that was decoded with the wrong charset before it reached us (`cafÃ©`).

Comes in: text; goes out: the text as it was meant. Called by `clean`.
"""

from __future__ import annotations

import re

import ftfy

# The first byte of a UTF-8 sequence read as windows-1252 or Latin-1, followed by what its other bytes look like. Real
# text has such pairs so seldom that ftfy, a hundred times as slow as this search, is asked about few lines.
_TRACE = re.compile("[ÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙàáâãäåæçèéêëìíîïðñòóôГРСÐ]["
                    "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸЂЃѓЌЋЏђќћџўЎЈ°±²³µ¶·¸¹º»¼½¾¿]")  # fmt: skip


def repair(text: str) -> str:
    """`text` with mojibake repaired, line by line, wherever ftfy is sure of it."""
    if text.isascii() or not _TRACE.search(text):
        return text
    return "\n".join(ftfy.fix_encoding(line) if _TRACE.search(line) else line for line in text.split("\n"))
