"""What a page or its headers ask of crawlers: the robots meta element and `X-Robots-Tag`.

In: the meta elements that `LinkReader` found, and the answer's headers. Out: `Directives`. Called by the fetcher for
each page, by Google's published rules: what is said to all and what is said to us add up, and the stricter one holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from multidict import MultiMapping

_GENERAL = "robots"
_AGENT = re.compile(r"\s*([A-Za-z][A-Za-z0-9_.\-]*)\s*:(.*)", re.DOTALL)
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
_UNTIL = re.compile(r"unavailable_after\s*:\s*(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Directives:
    """`noindex`: the page is not to become a document; `nofollow`: its links are not to be followed.

    `unavailable_after` is the time (aware) from which on it is not to be one either.
    """

    noindex: bool = False
    nofollow: bool = False
    unavailable_after: datetime | None = None

    def forbids_index(self, now: datetime) -> bool:
        """Whether the page is not to become a document at this time."""
        return self.noindex or (self.unavailable_after is not None and self.unavailable_after <= now)


_NONE = Directives()


def directives(metas: Iterable[tuple[str, str]], headers: Mapping[str, str], product: str) -> Directives:
    """What a page asks of `product`. `metas` are name and content of its robots meta elements.

    Rules for other crawlers, unknown rules and dates that cannot be read are passed over.
    """
    ours = (_GENERAL, product.lower())
    rules = [rule for name, content in metas if name.strip().lower() in ours for rule in _rules(content)]
    if "X-Robots-Tag" in headers:
        for value in header_values(headers, "X-Robots-Tag"):
            rules += _rules_for(value, product.lower())
    return _combined(rules) if rules else _NONE


def header_values(headers: Mapping[str, str], name: str) -> list[str]:
    """All values of a header, which may have been sent more than once."""
    if isinstance(headers, MultiMapping):
        return list(headers.getall(name, ()))
    value = headers.get(name)
    return [] if value is None else [value]


def _rules(content: str) -> Iterator[str]:
    """The rules of a comma-separated list; the comma behind the weekday of a date does not separate."""
    parts = [part.strip() for part in content.split(",")]
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        until = _UNTIL.match(part)
        yield f"{part}, {following}" if until and not _date(until[1]) else part


def _rules_for(value: str, product: str) -> Iterator[str]:
    """The rules of a header that are for all or for `product`: `otherbot:` names whom those behind it are for."""
    concerned = True
    ours: list[str] = []
    for part in value.split(","):
        named = _AGENT.match(part)
        if named and named[1].lower() not in _VALUED:
            concerned, part = named[1].lower() in (_GENERAL, product), named[2]
        if concerned:
            ours.append(part)
    return _rules(",".join(ours))


def _combined(rules: list[str]) -> Directives:
    plain = {rule.lower() for rule in rules}
    dates = [date for rule in rules if (found := _UNTIL.match(rule)) and (date := _date(found[1]))]
    return Directives(
        noindex=not plain.isdisjoint({"noindex", "none"}),
        nofollow=not plain.isdisjoint({"nofollow", "none"}),
        unavailable_after=min(dates, default=None),
    )


def _date(text: str) -> datetime | None:
    """A date of RFC 822, RFC 850 or ISO 8601; without a zone it is UTC. `None` if it is none of them."""
    text = text.strip()
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            date = read(text)
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    return None
