"""Refuses markup on which HTML parsers take quadratic time, before a parser sees it.

Comes in: text; goes out: nothing, or a `Permanent` error. Called by `parse`. lexbor needs 0.06 s for 10,000 nested
elements but 24 s for 100,000, 10 s for 50,000 attributes of one element, and 6 s for 2,400 unclosed `<font>`s that
each of 2,400 paragraphs opens again. What passes is parsed in about a second at worst.
"""

from __future__ import annotations

from tidemill.errors import Permanent
from tidemill.markup.tags import (
    FEW_ATTRIBUTES,
    HARMLESS,
    TAG,
    count_attributes,
    count_open_formats,
    ends_raw_text,
    fills_with_attributes,
    is_breaking_out,
    is_foreign,
    is_format,
    is_shallow,
)

MAX_CHARS = 64 * 1024 * 1024
MAX_DEPTH = 3_000
MAX_ATTRIBUTES = 2_000
MAX_REOPENED = 1_000_000

# Below these a page is parsed in some 0.1 s if it nests all it has, and in a second if it reopens formats all the time.
_MANY_MARKS = 8_000
_FEW_MARKS = 2_000
_FREE_FORMATS = 120
_FREE_ATTRIBUTE_CHARS = 1_000
_ATTRIBUTE_WORK = 250_000_000
# A page of L characters may hold L/2T elements of 2T characters that no tile of T characters lies wholly in; this keeps
# what their attributes cost below a second.
_TILE_PRODUCT = 3_000_000_000
_LEAST_TILE = 2_048


def check(text: str) -> None:
    """Raises `Permanent` with reason `nesting_too_deep`, `too_many_attributes` or `too_large` if `text` is hostile.

    An ordinary page costs a few counts; only one with very many elements, or with something that looks like a very
    long tag, is read through.
    """
    if len(text) > MAX_CHARS:
        raise Permanent(f"markup of {len(text):,} characters; at most {MAX_CHARS:,} are parsed", reason="too_large")
    if _may_nest(text) or _may_have_many_attributes(text):
        _read_through(text)


def _may_nest(text: str) -> bool:
    """Whether the page may nest too deep, or reopen too many formats; never misses one that does.

    What is closed where it stands, as most code samples and emphasis are, does neither.
    """
    marks = text.count("<")
    if marks <= _FEW_MARKS:
        return False
    if marks > _MANY_MARKS:
        harmless = HARMLESS.findall(text)
        if marks - 2 * len(harmless) + harmless.count("") > _MANY_MARKS:
            return True
    return count_open_formats(text) > _FREE_FORMATS


def _may_have_many_attributes(text: str) -> bool:
    """Whether some element may have so many attributes that it matters; never misses one."""
    tile = max(_TILE_PRODUCT // max(len(text), 1), _LEAST_TILE)
    starts = range(0, len(text) - tile, tile)
    if tile > _LEAST_TILE and not any(fills_with_attributes(text, start, start + tile) for start in starts):
        return False
    read = FEW_ATTRIBUTES.match(text)
    return read is None or read.end() < len(text)


class _Element:
    """What the guard knows of the elements of one name, and how many of them are open."""

    __slots__ = ("is_breaking_out", "is_foreign", "is_format", "is_shallow", "name", "open")

    def __init__(self, name: str) -> None:
        self.name = name
        self.open = 0
        self.is_format = is_format(name)
        self.is_foreign = is_foreign(name)
        self.is_breaking_out = is_breaking_out(name)
        self.is_shallow = is_shallow(name)


class _Elements(dict[str, _Element]):
    """The elements of a page by their names, however those are written."""

    def __missing__(self, name: str) -> _Element:
        lower = name.lower()
        element = self[name] = _Element(lower) if lower == name else self[lower]
        return element


class _Reader:
    """What is open at one place of a page, near enough to what the parser will have open."""

    def __init__(self) -> None:
        self.elements = _Elements()
        self.depth = self.formats = self.reopened = self.attribute_work = 0
        self.foreign = 0

    def opens(self, element: _Element) -> None:
        element.open += 1
        self.depth += 1
        self.formats += element.is_format
        self.foreign = 0 if element.is_breaking_out else self.foreign + element.is_foreign

    def closes(self, element: _Element) -> None:
        if element.open:
            element.open -= 1
            self.depth -= 1
            self.formats -= element.is_format
            self.foreign -= element.is_foreign and self.foreign > 0

    def counts_attributes(self, attributes: str, position: int) -> None:
        count = count_attributes(attributes)
        self.attribute_work += count * count
        if count > MAX_ATTRIBUTES or self.attribute_work > _ATTRIBUTE_WORK:
            raise Permanent(
                f"the element before character {position:,} has {count:,} attributes (at most {MAX_ATTRIBUTES:,}, and "
                "fewer if many elements have that many); no parser is given such a page",
                reason="too_many_attributes",
            )

    def check(self, position: int) -> None:
        if self.depth > MAX_DEPTH or self.reopened > MAX_REOPENED:
            raise Permanent(
                f"at character {position:,} elements are nested {self.depth:,} deep (at most {MAX_DEPTH:,}), "
                f"{self.formats:,} of them unclosed formats; no parser is given such a page",
                reason="nesting_too_deep",
            )

    def reads(self, text: str, position: int) -> int | None:
        """Read on from `position`; where to go on if raw text has been skipped, `None` at the end."""
        elements = self.elements
        for found in TAG.finditer(text, position):
            slash, name, attributes = found.groups()
            if name is None:
                continue
            if len(attributes) > _FREE_ATTRIBUTE_CHARS:
                self.counts_attributes(attributes, found.end())
            element = elements[name]
            if slash:
                self.closes(element)
            elif element.is_shallow:  # void, or closed by its next sibling: opens nothing lasting
                if element.is_breaking_out:
                    self.foreign = 0
            elif self.foreign and attributes.endswith("/"):
                continue
            elif not self.foreign and (end := ends_raw_text(element.name, text, found.end())) is not None:
                self.reopened += self.formats
                self.check(end)
                return end
            else:
                self.opens(element)
            self.reopened += self.formats
            self.check(found.end())
        return None


def _read_through(text: str) -> None:
    reader = _Reader()
    position: int | None = 0
    while position is not None:
        position = reader.reads(text, position)
