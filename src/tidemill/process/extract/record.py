"""The values of one document by the rules of its source: found, transformed, made into their types.

Comes in: a place (a page, an element, a value of JSON) and the rules; goes out: a record, and from it a draft. Called
by `selectors`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeAlias

from tidemill.models.document import Draft, Json, origin
from tidemill.models.source import FieldRule
from tidemill.process.extract.assemble import NAMES, Found, assemble
from tidemill.process.extract.elements import Element, json_values
from tidemill.process.extract.fragments import plain_text, rich_text
from tidemill.process.extract.page import Page
from tidemill.process.extract.paths import find
from tidemill.process.extract.text import as_markdown
from tidemill.process.extract.times import ZONE_ASSUMED
from tidemill.process.extract.transforms import apply_transforms, is_list_verb
from tidemill.process.extract.values import WHEN, Surroundings, Unreadable, read_json_text, read_value
from tidemill.process.steps.patterns import SlowPattern

EXTRACTOR, VERSION = "selector", "1"

TOO_MUCH_TEXT = "too_much_text"
"""The flag of a document of which values were left out, since its selectors took far more text than the page has."""

Place: TypeAlias = "Element | Json"

_TIMES, _LINKS = ("published_at", "modified_at"), ("canonical_url", "image_url")
_ITEM_TIMES, _ITEM_LINKS = (*_TIMES, "start", "end"), (*_LINKS, "url")
_ALWAYS_MANY = frozenset(("tags",))
_MAX_RULE_CHARS, _MAX_RAW_CHARS = 200, 100


@dataclass(frozen=True, slots=True)
class Named:
    """A rule with the name of its value, and its type as the name has it."""

    name: str
    rule: FieldRule
    many: bool

    @property
    def origin(self) -> str:
        """Where a value by this rule comes from: `selector@1 css:.price::attr(content)`."""
        rule = self.rule
        kinds = (("css", rule.css), ("xpath", rule.xpath), ("path", rule.path))
        selector = next(f"{kind}:{text}" for kind, text in kinds if text is not None)
        attribute = f"::attr({rule.attribute})" if rule.attribute else ""
        return origin(EXTRACTOR, VERSION, f"{selector}{attribute}"[:_MAX_RULE_CHARS])


def named(name: str, rule: FieldRule, *, of_item: bool) -> Named:
    """The rule with the type that its name stands for, if it asks for no other than text.

    `start`, `end` and `url` stand for one in items alone. A text in JSON under a name of documents stays what it is: an
    object or a list may stand for a text, too.
    """
    times, links = (_ITEM_TIMES, _ITEM_LINKS) if of_item else (_TIMES, _LINKS)
    kind = rule.type
    if (name in times and kind in ("text", "json")) or (name in _TIMES and kind == "datetime"):
        kind = WHEN
    elif name in links and kind in ("text", "json"):
        kind = "url"
    elif name in NAMES and kind == "text" and rule.path is not None and not rule.transform:
        kind = "json"
    return Named(name, replace(rule, type=kind), rule.many or (name in _ALWAYS_MANY and kind != "json"))


@dataclass(slots=True)
class Room:
    """How many characters may still be taken from a page.

    Elements that lie in each other are each taken whole: of a small page that nests a thousand, many megabytes.
    """

    chars: int

    def kept(self, texts: Iterable[str | None]) -> Iterator[str | None]:
        """The texts for which there is room; the first that has none ends all."""
        for text in texts:
            self.chars -= len(text or "")
            if self.is_full:
                return
            yield text

    @property
    def is_full(self) -> bool:
        """Whether something had no room."""
        return self.chars < 0


@dataclass(slots=True)
class Record:
    """What was found for one document, and what was not."""

    may_be_html: bool
    room: Room
    values: dict[str, Json] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    required: list[str] = field(default_factory=list)
    body: tuple[str, str] | None = None
    is_seen: bool = False

    def read(self, rule: Named, place: Place, around: Surroundings) -> None:
        """Look for a value, and keep it, or its default, or why it could not be read."""
        if rule.rule.required:
            self.required.append(rule.name)
        self.origins[rule.name] = rule.origin
        if self._is_body(rule) and isinstance(place, Element):
            self.body = _body(place, rule, around.base_url, self.room)
            value: Json = self.body[0] if self.body is not None else None
        else:
            value = self._value(rule, place, around)
        self.flags += [TOO_MUCH_TEXT] if self.room.is_full else []
        self.is_seen |= not is_empty(value) or f"bad_value:{rule.name}" in self.flags
        if is_empty(value) and rule.rule.default is not None:
            value = rule.rule.default
            self.origins[rule.name] += ", not there: its default"
        if not is_empty(value):
            self.values[rule.name] = value
        elif f"bad_value:{rule.name}" not in self.flags:
            del self.origins[rule.name]

    def draft(self, page: Page, kind: str | None) -> Draft:
        """The document; what is required and not there is among its problems."""
        found = Found(self.values, self.origins, self.may_be_html, self.body, tuple(dict.fromkeys(self.flags)))
        draft = assemble(page, found, kind=kind)
        missing = (name for name in self.required if is_empty(_given(draft, name)))
        unread = {name: text for name, text in self.origins.items() if name not in self.values}
        return replace(
            draft,
            problems=tuple(f"missing_{name}" for name in missing),
            provenance={**draft.provenance, **unread},
        )

    @property
    def is_nothing(self) -> bool:
        """Whether nothing at all was found, and nothing missed."""
        return not self.is_seen and not self.required

    def _is_body(self, rule: Named) -> bool:
        bare = rule.rule.attribute is None and not rule.rule.transform
        return rule.name == "content" and bare and rule.rule.type in ("text", "html")

    def _value(self, rule: Named, place: Place, around: Surroundings) -> Json:
        try:
            found = apply_transforms(_found(place, rule, self.room), rule.rule.transform)
        except SlowPattern as error:
            self.flags.append(f"bad_value:{rule.name}")
            self.origins[rule.name] = f"{rule.origin} gave up: {error}"
            return None
        if rule.rule.type == "json" and not isinstance(place, Element):
            return found
        if not isinstance(found, list):
            return self._typed(rule, found, around)
        typed = (self._typed(rule, each, around) for each in found)
        return [each for each in typed if not is_empty(each)]

    def _typed(self, rule: Named, raw: Json, around: Surroundings) -> Json:
        """The value of its type; `None` if it is not there or cannot be read, which is kept in mind."""
        if is_empty(raw) or (isinstance(raw, str) and not raw.strip()):
            return None
        try:
            if rule.rule.type == "json":
                return read_json_text(raw) if isinstance(raw, str) else raw
            read = read_value(raw, rule.rule.type, around)
        except Unreadable:
            self.flags.append(f"bad_value:{rule.name}")
            kind = "date or time" if rule.rule.type == WHEN else rule.rule.type
            self.origins[rule.name] = f"{rule.origin} could not read {_shown(raw)} as {kind}"
            return None
        self.flags += [ZONE_ASSUMED] if read.zone_assumed else []
        return read.value


def is_empty(value: object) -> bool:
    """Whether a value is as good as none. Zero and false are values."""
    return value is None or value in ("", [], {}, ())


def _given(draft: Draft, name: str) -> object:
    return getattr(draft, name) if name in NAMES else draft.fields.get(name)


def _found(place: Place, rule: Named, room: Room) -> Json:
    """What stands at the place: all of it as a list if many are wanted, else the first that is not empty."""
    wants_all = rule.many or any(map(is_list_verb, rule.rule.transform))
    if isinstance(place, Element):
        texts = (text for text in room.kept(_texts(place, rule.rule)) if text is not None and text.strip())
        return list(texts) if wants_all else next(texts, None)
    path = rule.rule.path or ""
    if rule.rule.type == "json" and not rule.many:
        found = find(place, path)
        return list(found) if "*" in path.split(".") else next(iter(found), None)
    values = [_plain(each, rule.rule) for each in json_values(place, path) if not is_empty(each)]
    return values if wants_all else next(iter(values), None)


def _texts(place: Element, rule: FieldRule) -> Iterator[str | None]:
    for each in place.found(rule):
        if isinstance(each, str):
            yield each.strip()
            continue
        text = each.value(rule.type, rule.attribute, is_bare=not rule.transform)
        is_set = rule.type == "boolean" and rule.attribute is not None and text in ("", rule.attribute)
        yield "true" if is_set else text


def _plain(value: Json, rule: FieldRule) -> Json:
    """A text of JSON without the HTML that it may hold, unless that is asked for."""
    return plain_text(value) if isinstance(value, str) and rule.type == "text" else value


def _body(place: Element, rule: Named, url: str, room: Room) -> tuple[str, str] | None:
    """The content of a document, plain and as markdown; of an XPath's texts, one after the other."""
    found = place.found(rule.rule)
    parts = room.kept(each.markup for each in found if isinstance(each, Element) and each.text)
    if markup := "".join(filter(None, parts if rule.many else islice(parts, 1))):
        return rich_text(f"<div>{markup}</div>", url)
    texts = [each.strip() for each in found if isinstance(each, str) and each.strip()]
    text = "\n\n".join(texts if rule.many else texts[:1])
    return (text, as_markdown(text)) if text else None


def _shown(raw: Json) -> str:
    text = repr(raw)
    return text if len(text) <= _MAX_RAW_CHARS else f"{text[:_MAX_RAW_CHARS]}…"
