"""Values by the selectors of a source's rules: CSS and XPath in HTML, paths in JSON.

Comes in: a page of a source with `process.fields`; goes out: a draft of the page's values, or one of each item. Called
by the pipeline, which puts a page's values over those that others found in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tidemill.models.document import Draft
from tidemill.process.extract.elements import MAX_FOUND, Element, item_elements, json_values, page_element
from tidemill.process.extract.item_keys import keyed
from tidemill.process.extract.page import Page
from tidemill.process.extract.paths import read_json
from tidemill.process.extract.record import Named, Place, Record, Room, named
from tidemill.process.extract.registry import HTML, JSON, handles
from tidemill.process.extract.times import zone_of
from tidemill.process.extract.values import Surroundings

TOO_MANY_ITEMS = "too_many_items"
"""The flag of the documents of a page that has more items than are read."""

_ROOM_CHARS = 300_000
_ROOM_PER_BYTE = 5
_COMMA_LANGUAGES = frozenset((
    "bg", "ca", "cs", "da", "de", "el", "es", "et", "eu", "fi", "fr", "gl", "hr", "hu", "id", "is", "it", "lt", "lv",
    "nb", "nl", "nn", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "tr", "uk",
))  # fmt: skip
"""Languages that write `1,5` for one and a half."""


@handles(*HTML, *JSON)
def extract_selected(page: Page) -> tuple[Draft, ...]:
    """What the rules name; nothing if they name no fields, or none for a page of this type.

    A required value that is not there makes the problem `missing_<field>`; one that cannot be made into its type makes
    the flag `bad_value:<field>`, and its provenance tells the rule and the value. Raises `Permanent` (`bad_json`, or
    what the guard says of the markup).
    """
    is_json, items = page.media_type in JSON, page.rules.items
    given = page.rules.fields.items()
    rules = [named(name, rule, of_item=items is not None) for name, rule in given if (rule.path is not None) == is_json]
    if not rules or (items is not None and (items.path is not None) != is_json):
        return ()
    return _of_json(page, rules) if is_json else _of_html(page, rules)


def _of_html(page: Page, rules: Sequence[Named]) -> tuple[Draft, ...]:
    for_css = any(rule.rule.css is not None for rule in rules)
    for_xpath = any(rule.rule.xpath is not None for rule in rules)
    root = page.tree.root
    language = (root.attributes.get("lang") if root is not None else None) or ""
    around = Surroundings(page.base_url, zone_of(page.rules), language[:2].lower() in _COMMA_LANGUAGES)
    if page.rules.items is None:
        return _one(page, rules, page_element(page, for_xpath=for_xpath), around)
    found = item_elements(page, page.rules.items, for_css=for_css, for_xpath=for_xpath)
    return _many(page, rules, found, around, page.rules.items.kind)


def _of_json(page: Page, rules: Sequence[Named]) -> tuple[Draft, ...]:
    around = Surroundings(page.url, zone_of(page.rules))
    whole = read_json(page.body, page.url)
    if page.rules.items is not None:
        found = json_values(whole, page.rules.items.path or "")
        return _many(page, rules, found, around, page.rules.items.kind)
    if isinstance(whole, list):
        objects = [each for each in whole[:MAX_FOUND] if isinstance(each, dict)]
        return _many(page, rules, objects, around, page.rules.kind)
    return _one(page, rules, whole, around) if isinstance(whole, dict) else ()


def _one(page: Page, rules: Sequence[Named], place: Place, around: Surroundings) -> tuple[Draft, ...]:
    return (_read(rules, place, around, page, _room(page)).draft(page, page.rules.kind),)


def _many(
    page: Page, rules: Sequence[Named], places: Sequence[Place], around: Surroundings, kind: str | None
) -> tuple[Draft, ...]:
    """A draft of each item with its key; none of those in which nothing was found and nothing missed."""
    room = _room(page)
    records = [_read(rules, place, around, page, room) for place in places]
    made = [(_with_address(record.draft(page, kind)), record.values) for record in records if not record.is_nothing]
    drafts = keyed(made, page.rules.items.key if page.rules.items is not None else ())
    if len(places) < MAX_FOUND:
        return drafts
    return tuple(replace(draft, flags=(*draft.flags, TOO_MANY_ITEMS)) for draft in drafts)


def _room(page: Page) -> Room:
    return Room(_ROOM_CHARS + _ROOM_PER_BYTE * len(page.body))


def _read(rules: Sequence[Named], place: Place, around: Surroundings, page: Page, room: Room) -> Record:
    is_html = isinstance(place, Element)
    record = Record(may_be_html=not is_html, room=room, flags=[*page.charset_flags] if is_html else [])
    for rule in rules:
        record.read(rule, place, around)
    return record


def _with_address(draft: Draft) -> Draft:
    """An item's `url` is its address."""
    url = draft.fields.get("url")
    if draft.canonical_url is not None or not isinstance(url, str):
        return draft
    return replace(draft, canonical_url=url, provenance={**draft.provenance, "canonical_url": draft.provenance["url"]})
