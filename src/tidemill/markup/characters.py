"""Takes out of text what is no text: control characters, unpaired surrogates, marks that turn the writing direction.

Comes in: any string; goes out: the same in Unicode's NFC. Called by `safe_html` and by the step `clean`.
"""

from __future__ import annotations

import re
import unicodedata

_CONTROLS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufff9-\ufffb]"
)


def normalize(text: str) -> str:
    """NFC without control characters, lines ended by a line feed."""
    if text.isascii() and text.isprintable():
        return text
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = text.replace("\u2028", "\n").replace("\u2029", "\n")
    # NFC may come only after: with a control character between them, a letter and its accent stay two.
    return unicodedata.normalize("NFC", _CONTROLS.sub("", text))
