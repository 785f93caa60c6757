"""schema.org events: one draft for each `Event` item of a page's markup.

Comes in: a page; goes out: drafts of kind `event`. Called by the article and the structured extractor.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from tidemill.models.document import Draft
from tidemill.process.extract.entities import item_stores
from tidemill.process.extract.jsonld import Item, ItemStore, text_of, types_of
from tidemill.process.extract.page import Page
from tidemill.process.extract.titles import fold
from tidemill.process.extract.typed.places import place_lines
from tidemill.process.extract.typed.reading import Reading
from tidemill.process.extract.typed.values import slug_of

_OTHER_EVENTS = frozenset(("Festival", "Hackathon", "CourseInstance"))
_NOT_EVENTS = frozenset(("PublicationEvent", "BroadcastEvent", "OnDemandEvent", "UserInteraction"))


def read_events(page: Page) -> tuple[Draft, ...]:
    """The events that the page declares, in its order, each once in each of its syntaxes."""
    found: dict[tuple[str, str], Draft] = {}
    for syntax, store in item_stores(page):
        for item in store.walk():
            if (name := _event_type(item)) and (draft := _draft(page, store, item, syntax, name)) is not None:
                found.setdefault((draft.item_key, syntax), draft)
    return tuple(found.values())


def shows_only_events(page: Page, events: tuple[Draft, ...]) -> bool:
    """Whether the page has no document of its own beside its events.

    So it is if it does not call itself an article and shows several events (a calendar), or one that bears the page's
    own title or address (the page of that event). An article that announces an event stays an article.
    """
    if not events or page.metadata.is_article:
        return False
    if len({event.item_key for event in events}) > 1:
        return True
    event, said = events[0], page.metadata
    titles = [fold(title) for title in (said.heading, said.title) if title]
    name = fold(event.title)
    same_title = any(_holds(title, name) or _holds(name, title) for title in titles)
    return same_title or event.fields.get("url") in (page.url, said.canonical_url)


def _holds(text: str, words: str) -> bool:
    """Whether these words stand in the text, whole: `jazz` is in `jazz in the park`, and `art` not in `the party`."""
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text) is not None


def _event_type(item: Item) -> str | None:
    types = sorted(types_of(item))
    if _NOT_EVENTS.intersection(types):
        return None
    return next((name for name in types if name.endswith("Event") or name in _OTHER_EVENTS), None)


def _draft(page: Page, store: ItemStore, item: Item, syntax: str, type_name: str) -> Draft | None:
    """The event as a draft; `None` if it has no name or no time."""
    if not text_of(item.get("name")) or not text_of(item.get("startDate")):
        return None
    reading = Reading(page, store, item, syntax, type_name)
    reading.text("title", "name")
    reading.iso("start", "startDate")
    reading.iso("end", "endDate")
    location = next(iter(place_lines(store, item.get("location"))), None)
    reading.put("location", location, "location")
    reading.url("url", "url")
    reading.joined("organizer", "organizer")
    status = next((slug for value in reading.at("eventStatus") if (slug := slug_of(value))), "")
    reading.put("status", status.removeprefix("event_") or None, "eventStatus")
    reading.describe("description")
    reading.image("image")
    start, url = reading.fields.get("start"), reading.fields.get("url")
    if not reading.texts.get("title") or not isinstance(start, str):
        return None
    if isinstance(url, str):
        reading.texts["canonical_url"] = url
        reading.provenance["canonical_url"] = reading.provenance["url"]
    return reading.draft("event", _item_key(str(url or reading.texts["title"]), start))


def _item_key(identity: str, start: str) -> str:
    return blake2b(f"{identity}\x1f{start}".encode("utf-8", "replace"), digest_size=12).hexdigest()
