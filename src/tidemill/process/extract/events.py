"""schema.org events: one draft for each `Event` item of a page's JSON-LD.

Comes in: a page; goes out: drafts of kind `event`. Called by the article and the structured extractor.
"""

from __future__ import annotations

import html
import re
from hashlib import blake2b

from tidemill.models.document import Draft, Json
from tidemill.process.extract.jsonld import Item, ItemStore, text_of, texts_of, types_of
from tidemill.process.extract.metadata import web_url
from tidemill.process.extract.page import Page
from tidemill.process.extract.times import iso_with_zone
from tidemill.process.extract.titles import fold

_OTHER_EVENTS = frozenset(("Festival", "Hackathon", "CourseInstance"))
_NOT_EVENTS = frozenset(("PublicationEvent", "BroadcastEvent", "OnDemandEvent", "UserInteraction"))
_MARKUP = re.compile(r"<[^>]*>")
_PLACE_PARTS = ("streetAddress", "postalCode", "addressLocality", "addressRegion", "addressCountry")


def read_events(page: Page) -> tuple[Draft, ...]:
    """The events that the page declares, in its order, each once."""
    store = page.metadata.items
    found: dict[str, Draft] = {}
    for item in store.walk():
        if _is_event(item) and (draft := _draft(page, store, item)) is not None:
            found.setdefault(draft.item_key, draft)
    return tuple(found.values())


def shows_only_events(page: Page, events: tuple[Draft, ...]) -> bool:
    """Whether the page has no document of its own beside its events.

    So it is if it does not call itself an article and shows several events (a calendar), or one that bears the page's
    own title or address (the page of that event). An article that announces an event stays an article.
    """
    if not events or page.metadata.is_article:
        return False
    if len(events) > 1:
        return True
    event, said = events[0], page.metadata
    titles = [fold(title) for title in (said.heading, said.title) if title]
    name = fold(event.title)
    same_title = any(name in title or title in name for title in titles)
    return same_title or event.fields.get("url") in (page.url, said.canonical_url)


def _is_event(item: Item) -> bool:
    types = types_of(item)
    return any(name.endswith("Event") or name in _OTHER_EVENTS for name in types) and not types & _NOT_EVENTS


def _draft(page: Page, store: ItemStore, item: Item) -> Draft | None:
    name = text_of(item.get("name"))
    start, naive_start = iso_with_zone(text_of(item.get("startDate")) or "")
    if name is None or start is None:
        return None
    end, naive_end = iso_with_zone(text_of(item.get("endDate")) or "")
    url = web_url(page.base_url, text_of(item.get("url")))
    fields: dict[str, Json] = {"start": start, "end": end, "location": _location(store, item), "url": url}
    fields["organizer"] = ", ".join(texts_of(store.resolve(item.get("organizer")))) or None
    status = (text_of(item.get("eventStatus")) or "").rpartition("/")[2]
    fields["status"] = status.removeprefix("Event").lower() or None
    fields = {key: value for key, value in fields.items() if value is not None}
    description = _description(item)
    image = item.get("image")
    return Draft(
        kind="event",
        item_key=_item_key(url or name, start),
        title=name,
        content=description,
        markdown=description,
        canonical_url=url,
        site_name=page.metadata.site_name,
        image_url=web_url(page.base_url, text_of(image.get("url") if isinstance(image, dict) else image)),
        fields=fields,
        provenance=dict.fromkeys(("title", "content", *fields), "jsonld"),
        flags=(*page.charset_flags, *(("naive_time",) if naive_start or naive_end else ())),
    )


def _item_key(identity: str, start: str) -> str:
    return blake2b(f"{identity}\x1f{start}".encode("utf-8", "replace"), digest_size=12).hexdigest()


def _description(item: Item) -> str:
    raw = item.get("description")
    return _MARKUP.sub(" ", html.unescape(raw)).strip() if isinstance(raw, str) else ""


def _location(store: ItemStore, item: Item) -> str | None:
    """Name and address of the place on one line."""
    place = store.resolve(item.get("location"))
    places = place if isinstance(place, list) else [place]
    return next((line for found in places if (line := _place(store, store.resolve(found)))), None)


def _place(store: ItemStore, place: Json) -> str | None:
    if not isinstance(place, dict):
        return text_of(place)
    address = store.resolve(place.get("address"))
    values = [address.get(part) for part in _PLACE_PARTS] if isinstance(address, dict) else [address]
    parts = [text_of(value) for value in values]
    named = [text_of(place.get("name")), *parts] if "VirtualLocation" not in types_of(place) else [_virtual(place)]
    return ", ".join(dict.fromkeys(part for part in named if part)) or None


def _virtual(place: Item) -> str | None:
    return text_of(place.get("name")) or text_of(place.get("url"))
