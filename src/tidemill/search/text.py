"""Text as every engine gets it: valid Unicode in composed form, and a folding that keeps each character's place."""

from __future__ import annotations

import re
from unicodedata import combining, normalize

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
UNSPACED += "\U00020000-\U0003ffff"
"""The scripts without spaces (Han, Kana, Thai, Lao, Burmese, Khmer) as ranges of a regular expression."""

_HAS_UNSPACED = re.compile(f"[{UNSPACED}]")


def is_unspaced(text: str) -> bool:
    """Whether `text` has a character of a script without spaces."""
    return not text.isascii() and _HAS_UNSPACED.search(text) is not None


def clean(text: str) -> str:
    """`text` in NFC, with lone surrogates replaced by U+FFFD and NULs by spaces."""
    if text.isascii():
        return text.replace("\0", " ")
    return normalize("NFC", text.encode("utf-8", "replace").decode().replace("\0", " "))


class _Folding(dict[int, int]):
    """Maps a code point to its lower-case letter without accent; fills itself as texts are seen."""

    def __missing__(self, point: int) -> int:
        base = normalize("NFD", chr(point).lower())
        folded = ord(base[0]) if len(base) == 1 or all(map(combining, base[1:])) else point
        self[point] = folded
        return folded


def fold(text: str) -> str:
    """`text` in lower case without accents, character for character: offsets stay what they were."""
    return text.lower() if text.isascii() else text.translate(_FOLDING)


_FOLDING = _Folding()
