"""Character references of HTML (`&amp;`, `&#38;`) read as the characters that they stand for.

Comes in: any text; goes out: the same without references. Called wherever text may have been escaped.
"""

from __future__ import annotations

import html
import re

# Python refuses to read a number of more than 4,300 digits; one of 100 that are no zeros stands for no character.
_ENDLESS = re.compile(r"&#[0-9]{100,};?")


def unescape(text: str) -> str:
    """`text` with its references resolved as browsers do it. Raises nothing, whatever their numbers are."""
    return html.unescape(_ENDLESS.sub(_within_bounds, text) if "&#" in text else text)


def _within_bounds(found: re.Match[str]) -> str:
    digits = found[0][2:].rstrip(";").lstrip("0")
    return f"&#{digits or '0'};" if len(digits) < 100 else "\ufffd"
