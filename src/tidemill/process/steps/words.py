"""Counts words, also in scripts that put no spaces between them.

Comes in: plain text; goes out: a number. Called by `enrich` and `language`.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+(?:['’\-]\w+)*")
_UNSPACED_CHAR = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"  # Kana, Han
)
_THEIR_BEGINNINGS = bytes((0xE0, 0xE1, *range(0xE3, 0xEA), 0xEF, 0xF0))
"""The first bytes that these letters have in UTF-8, for a quick look; others have them, too."""


def count_words(text: str) -> int:
    """Words; in scripts without spaces (Chinese, Japanese, Thai …) each letter counts as one, as word processors do."""
    encoded = text.encode("utf-8", "surrogatepass")
    if len(encoded.translate(None, _THEIR_BEGINNINGS)) == len(encoded):
        return len(_WORD.findall(text))
    text, unspaced = _UNSPACED_CHAR.subn(" ", text)
    return len(_WORD.findall(text)) + unspaced
