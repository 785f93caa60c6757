"""Reads the JSON-LD of a page into plain objects, however carelessly it was written.

Comes in: the text of `<script type="application/ld+json">` elements; goes out: an `ItemStore`. Called by `metadata`.
`microdata` reads into the same form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import orjson

from tidemill.markup.references import unescape
from tidemill.models.document import Json

Item: TypeAlias = dict[str, Json]

_MAX_BLOCK_CHARS = 2_000_000
_MAX_ITEMS = 20_000
_MAX_DEPTH = 12
_OPENING = re.compile(r"<!--|//\s*<!\[CDATA\[|<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/")
_CLOSINGS = ("-->", "// ]]>", "//]]>", "/* ]]> */", "/*]]>*/", "]]>")
_NOISE = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|//[^\n]*|/\*.*?(?:\*/|\Z)|,(?=\s*[}\]])|,\s*$', re.DOTALL)
"""Strings, which stay, and what JSON does not allow between them: comments, and commas after the last member."""

_SEPARATORS = " \t\r\n,;"
_MAX_VALUES = 200  # of one block


class ItemStore:
    """The items of a page: `top` those that stand by themselves, `resolve` follows `{"@id": …}` to the full item."""

    def __init__(self, blocks: Iterable[str] = (), items: Iterable[Item] = ()) -> None:
        self.top: tuple[Item, ...] = (*(item for block in blocks for item in _top_items(_read(block))), *items)
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
        return " ".join(unescape(value).split()) or None
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
    bare = _unwrapped(block)
    for repair in (_as_it_is, _without_noise, unescape, _unescaped_without_noise):
        if values := _values(repair(bare)):
            return values[0] if len(values) == 1 else values
    return None


def _unwrapped(block: str) -> str:
    """The block without the marks that hid scripts from the browsers of the nineties."""
    text = block.strip()
    opening = _OPENING.match(text)
    text = text[opening.end() if opening else 0 :].rstrip(_SEPARATORS)
    closing = next((mark for mark in _CLOSINGS if text.endswith(mark)), "")
    return text.removesuffix(closing).strip(_SEPARATORS)


def _values(text: str) -> list[Json]:
    """All values that stand one after the other in `text`; none if there is anything else between them."""
    decoder = json.JSONDecoder(strict=False)
    values: list[Json] = []
    end = 0
    while end < len(text) and len(values) < _MAX_VALUES:
        try:
            value, end = decoder.raw_decode(text, end)
        except (ValueError, RecursionError):
            return []
        values.append(value)
        while end < len(text) and text[end] in _SEPARATORS:
            end += 1
    return values


def _as_it_is(text: str) -> str:
    return text


def _without_noise(text: str) -> str:
    return _NOISE.sub(lambda found: found[0] if found[0].startswith('"') else "", text).strip()


def _unescaped_without_noise(text: str) -> str:
    return _without_noise(unescape(text))
