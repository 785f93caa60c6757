"""Regular expressions of strangers on text of strangers, at a bounded cost.

Comes in: a pattern and a text; goes out: whether it matches. Called by `checks` and `schema`. The engine is `regex`,
which reads what `re` reads and can be stopped; `re` cannot, and `(a+)+b` on 40 letters takes it minutes.
"""

from __future__ import annotations

from functools import lru_cache

import regex  # type: ignore[import-untyped]

TIMEOUT_S = 0.1


class BadPattern(ValueError):
    """The pattern is no regular expression; the message says why."""


class SlowPattern(ValueError):
    """The pattern did not come to an end on this text."""


def matches(pattern: str, text: str, *, whole: bool) -> bool:
    """Whether the `whole` of `text`, or any part of it, matches. Raises `BadPattern` or `SlowPattern`."""
    compiled = _compiled(pattern)
    try:
        return (compiled.fullmatch if whole else compiled.search)(text, timeout=TIMEOUT_S) is not None
    except TimeoutError:
        raise SlowPattern(f"{pattern!r} takes more than {TIMEOUT_S} s on {len(text):,} characters") from None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> regex.Pattern[str]:
    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise BadPattern(f"{pattern!r} is no regular expression: {error}") from None
