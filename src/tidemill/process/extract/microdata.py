"""Reads microdata (HTML, section 5) and RDFa Lite of schema.org into the same plain objects as JSON-LD.

Comes in: the tree; goes out: the items that stand by themselves, others nested in them. Called by `entities`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from selectolax.lexbor import LexborNode

from tidemill.markup import LexborHTMLParser
from tidemill.models.document import Json
from tidemill.process.extract.jsonld import Item

_MAX_MARKED = 20_000  # elements of a page
_MAX_CHARS = 100_000  # of one value
_LINKS = frozenset(("a", "area", "link"))
_MEDIA = frozenset(("audio", "embed", "iframe", "img", "source", "track", "video"))
_LISTED = frozenset(("recipeInstructions", "recipeIngredient", "ingredients"))
"""Properties that are often one element with a list in it."""

_ADDRESSES = frozenset((
    "url", "image", "logo", "sameAs", "item", "contentUrl", "thumbnailUrl", "availability", "itemCondition",
    "mainEntityOfPage", "eventStatus", "eventAttendanceMode", "photo", "embedUrl", "suitableForDiet", "about",
))  # fmt: skip
"""Properties whose value, on a link, is where it leads; of others people mean what it says, whatever the standard."""


class _Syntax(NamedTuple):
    """The attributes that say: here is an item, of this type, for this property, of this identity."""

    scope: str
    type: str
    property: str
    identity: str


_MICRODATA = _Syntax("itemscope", "itemtype", "itemprop", "itemid")
_RDFA = _Syntax("typeof", "typeof", "property", "resource")


def read_microdata(tree: LexborHTMLParser) -> tuple[Item, ...]:
    """The items of a page's microdata that are no property of another, in their order."""
    return _read(tree, _MICRODATA) if tree.css_first("[itemscope]") is not None else ()


def read_rdfa(tree: LexborHTMLParser) -> tuple[Item, ...]:
    """The same of RDFa Lite."""
    return _read(tree, _RDFA) if tree.css_first("[typeof]") is not None else ()


@dataclass(slots=True)
class _Reading:
    """The items by their elements, those elements that are a property of another, and which item elements lie in."""

    syntax: _Syntax
    items: dict[int, Item] = field(default_factory=dict)
    owned: set[int] = field(default_factory=set)
    owners: dict[int, Item | None] = field(default_factory=dict)

    def owner(self, node: LexborNode) -> Item | None:
        """The innermost item around an element. What is learned on the way up is kept: pages nest deeply."""
        passed: list[int] = []
        found: Item | None = None
        above = node.parent
        while above is not None:
            identity = above.mem_id
            if identity in self.items or identity in self.owners:
                found = self.items[identity] if identity in self.items else self.owners[identity]
                break
            passed.append(identity)
            above = above.parent
        self.owners.update(dict.fromkeys(passed, found))
        return found


def _read(tree: LexborHTMLParser, syntax: _Syntax) -> tuple[Item, ...]:
    reading = _Reading(syntax)
    found = {node.mem_id: node for node in tree.css(f"[{syntax.scope}], [{syntax.property}]")}  # What is both is twice.
    marked = list(found.values())[:_MAX_MARKED]
    attributes = {node.mem_id: node.attributes for node in marked}
    for node in marked:
        if syntax.scope in attributes[node.mem_id]:
            reading.items[node.mem_id] = _item(attributes[node.mem_id], syntax)
    for node in marked:
        names = (attributes[node.mem_id].get(syntax.property) or "").split()
        if names and (owner := reading.owner(node)) is not None:
            _add(reading, owner, node, names)
    if syntax is _MICRODATA:
        _follow_references(tree, reading, attributes)
    return tuple(item for identity, item in reading.items.items() if identity not in reading.owned)


def _item(attributes: dict[str, str | None], syntax: _Syntax) -> Item:
    types = (attributes.get(syntax.type) or "").split()
    item: Item = {"@type": [name.rpartition(":")[2] if "//" not in name else name for name in types]}
    if identity := (attributes.get(syntax.identity) or "").strip():
        item["@id"] = identity
    return item


def _add(reading: _Reading, owner: Item, node: LexborNode, names: list[str]) -> None:
    """Gives an item the value that an element has."""
    nested = reading.items.get(node.mem_id)
    if nested is owner:
        return
    if nested is not None:
        reading.owned.add(node.mem_id)
    for name in names:
        name = name.rstrip("/").rpartition("/")[2].rpartition(":")[2]
        value: Json = nested if nested is not None else _value(node, name)
        if not name or name.startswith("@") or value in ("", []):
            continue
        members: list[Json] = value if isinstance(value, list) else [value]
        known = owner.get(name)
        owner[name] = [*known, *members] if isinstance(known, list) else value if known is None else [known, *members]


def _value(node: LexborNode, name: str) -> Json:
    """What an element says: by its attributes, else its text."""
    attributes, tag = node.attributes, node.tag
    if (content := attributes.get("content")) is not None:
        return content.strip()
    if tag in _MEDIA:
        return (attributes.get("src") or attributes.get("data-src") or "").strip()
    if tag == "link" or (tag in _LINKS and name in _ADDRESSES):
        return (attributes.get("href") or "").strip()
    if tag in ("time", "data", "meter", "object"):
        named = attributes.get({"time": "datetime", "object": "data"}.get(tag or "", "value"))
        if named and named.strip():
            return named.strip()
    if name in _LISTED and len(members := node.css("li") or node.css("p")) > 1:
        return [text for member in members if (text := _text(member))]
    return _text(node)


def _text(node: LexborNode) -> str:
    """The text that a reader sees, white space folded."""
    if node.css_first("script, style, template, noscript") is None:
        text = node.text(deep=True, separator=" ")
    else:
        hidden = ("script", "style", "template", "noscript")
        seen = (part for part in node.traverse(include_text=True) if part.is_text_node)
        text = " ".join(part.text() for part in seen if part.parent is None or part.parent.tag not in hidden)
    return " ".join(text.split())[:_MAX_CHARS]


def _follow_references(tree: LexborHTMLParser, reading: _Reading, attributes: dict[int, dict[str, str | None]]) -> None:
    """Gives items the properties of the elements elsewhere that their `itemref` names."""
    referring = [(identity, (attributes[identity].get("itemref") or "").split()) for identity in reading.items]
    if not any(names for _, names in referring):
        return
    by_id = {node.attributes.get("id"): node for node in reversed(tree.css("[id]"))}
    for identity, names in referring:
        for node in (by_id[name] for name in dict.fromkeys(names) if name in by_id):
            for member in node.css("[itemprop]"):  # The element itself is among them if it is a property.
                properties = (member.attributes.get("itemprop") or "").split()
                if properties and reading.owner(member) is reading.owner(node):
                    _add(reading, reading.items[identity], member, properties)
