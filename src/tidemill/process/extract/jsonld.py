"""Reads the JSON-LD of a page into plain objects, however carelessly it was written.

Comes in: the text of `<script type="application/ld+json">` elements; goes out: an `ItemStore`. Called by `metadata`.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import orjson

from tidemill.models.document import Json

Item: TypeAlias = dict[str, Json]

_MAX_BLOCK_CHARS = 2_000_000
_MAX_ITEMS = 20_000
_MAX_DEPTH = 12
_WRAPPING = re.compile(
    r"^\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/)|(?:-->|//\s*\]\]>|\]\]>|/\*\s*\]\]>\s*\*/)?[\s;]*$"
)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")


class ItemStore:
    """The items of a page: `top` those that stand by themselves, `resolve` follows `{"@id": …}` to the full item."""

    def __init__(self, blocks: Iterable[str]) -> None:
        self.top: tuple[Item, ...] = tuple(item for block in blocks for item in _top_items(_read(block)))
        self._by_id: dict[str, Item] = {}
        for item in self.walk():
            identity = item.get("@id")
            if isinstance(identity, str) and len(item) > len(self._by_id.get(identity, ())):
                self._by_id[identity] = item

    def resolve(self, value: Json) -> Json:
        """The item that `value` refers to by its `@id` alone, or `value` itself."""
        if isinstance(value, dict) and isinstance(identity := value.get("@id"), str) and len(value) <= 2:
            return self._by_id.get(identity, value)
        return value

    def walk(self) -> Iterator[Item]:
        """Every item at any depth, in document order."""
        stack: list[tuple[Json, int]] = [(item, 0) for item in reversed(self.top)]
        seen = 0
        while stack and seen < _MAX_ITEMS:
            value, depth = stack.pop()
            seen += 1
            if isinstance(value, dict):
                yield value
            children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            if depth < _MAX_DEPTH:
                stack.extend((child, depth + 1) for child in reversed(list(children)) if isinstance(child, dict | list))


def types_of(item: Item) -> frozenset[str]:
    """The schema.org types of an item, without their address."""
    given = item.get("@type")
    names = given if isinstance(given, list) else [given]
    return frozenset(name.rstrip("/").rpartition("/")[2] for name in names if isinstance(name, str))


def text_of(value: Json) -> str | None:
    """The text of a value: a string, a number, the first of a list, `@value` or `name` of an item."""
    for _ in range(4):
        if isinstance(value, list):
            value = value[0] if value else None
        elif isinstance(value, dict):
            value = value.get("@value") or value.get("name")
        else:
            break
    if isinstance(value, str):
        return " ".join(html.unescape(value).split()) or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def texts_of(value: Json) -> list[str]:
    """The texts of a value and, if it is a list, of each of its members."""
    members = value if isinstance(value, list) else [value]
    return [text for member in members if (text := text_of(member))]


def _top_items(value: Json) -> Iterator[Item]:
    if isinstance(value, list):
        for member in value:
            yield from _top_items(member) if not isinstance(member, list) else ()
    elif isinstance(value, dict):
        graph = value.get("@graph")
        if graph is not None:
            yield from _top_items(graph)
        if graph is None or "@type" in value:
            yield {name: member for name, member in value.items() if name != "@graph"}


def _read(block: str) -> Json:
    """The value of a block, `None` if no kind of repair makes it JSON."""
    if len(block) > _MAX_BLOCK_CHARS:
        return None
    try:
        return orjson.loads(block)  # type: ignore[no-any-return]
    except ValueError:
        pass  # Repaired below.
    bare = _WRAPPING.sub("", block).strip()
    for repaired in (bare, _TRAILING_COMMA.sub(r"\1", bare), html.unescape(bare)):
        try:
            return json.loads(repaired, strict=False)  # type: ignore[no-any-return]
        except (ValueError, RecursionError):
            continue
    return None
