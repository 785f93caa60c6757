"""Regular expressions of strangers on text of strangers, at a bounded cost.

Comes in: a pattern and a text; goes out: whether it matches, or what. Called by `checks`, `schema` and the transforms
of selected values; whoever reads sources may ask `find_fault`. The engine is `regex`, which reads what `re` reads and
can be stopped; `re` cannot, and `(a|aa)+$` on 60 letters takes it minutes.
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
        raise _too_slow(pattern, text) from None


def first_match(pattern: str, text: str) -> str | None:
    """The first group of the first match, or all of it if there is no group; `None` without a match, or if the group
    took no part in it. Raises `BadPattern` or `SlowPattern`."""
    compiled = _compiled(pattern)
    try:
        found = compiled.search(text, timeout=TIMEOUT_S)
    except TimeoutError:
        raise _too_slow(pattern, text) from None
    if found is None:
        return None
    given: str | None = found[1] if compiled.groups else found[0]
    return given


def find_fault(pattern: str) -> str | None:
    """Why `pattern` is no regular expression; `None` if it is one."""
    try:
        _compiled(pattern)
    except BadPattern as fault:
        return str(fault.__cause__)
    return None


def _too_slow(pattern: str, text: str) -> SlowPattern:
    return SlowPattern(f"{pattern!r} takes more than {TIMEOUT_S} s on {len(text):,} characters")


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> regex.Pattern[str]:
    try:
        return regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as error:
        raise BadPattern(f"{pattern!r} is no regular expression: {error}") from error
