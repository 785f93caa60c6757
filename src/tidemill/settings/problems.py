"""What is wrong with given settings, one line each: name, value (masked if secret), where from, what is wrong, remedy.

Made by `layers.py` (names), `load.py` (types and bounds) and `checks.py` (what does not fit together); `load.py` raises
all of them as one `Invalid`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import SecretStr

from tidemill.settings.catalogue import PREFIX, find
from tidemill.settings.masking import MASK, mask_urls

_LONGEST_VALUE = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault. `value` is fit to be shown; `name` is a dotted setting, a variable or a file."""

    name: str
    wrong: str
    remedy: str
    value: str = ""
    origin: str = ""

    def __str__(self) -> str:
        value = f" = {self.value[:_LONGEST_VALUE]}" if self.value else ""
        value += "…" if len(self.value) > _LONGEST_VALUE else ""
        origin = f" ({self.origin})" if self.origin else ""
        return f"{self.name}{value}{origin}: {self.wrong}; {self.remedy}"


def shown(name: str, value: object) -> str:
    """The value of setting `name` as it may be shown: secrets and passwords in URLs masked, on one line."""
    setting = find(name)
    if setting is not None and setting.is_secret:
        return MASK if value else "none"
    if isinstance(value, (list, tuple)):
        text = ", ".join(MASK if isinstance(item, SecretStr) else str(item) for item in value) or "none"
    elif isinstance(value, bool):
        text = str(value).lower()
    else:
        text = "none" if value is None else str(value)
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in mask_urls(text))


def nearest(name: str, known: Iterable[str]) -> str:
    """The way out for an unknown name: the nearest known one, if any is near."""
    by_rest = {one.removeprefix(PREFIX): one for one in known}
    matches = get_close_matches(name.removeprefix(PREFIX), list(by_rest), n=1, cutoff=0.6)
    return f"did you mean {by_rest[matches[0]]}?" if matches else "`tidemill config show` lists all settings"
