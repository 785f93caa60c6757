"""Places and addresses on one line.

Comes in: a `Place`, `PostalAddress` or `VirtualLocation`, or a text; goes out: the line. Called by the readers of
events, jobs and organizations.
"""

from __future__ import annotations

from tidemill.models.document import Json
from tidemill.process.extract.jsonld import Item, ItemStore, types_of
from tidemill.process.extract.typed.values import line_of

_ADDRESS_PARTS = ("streetAddress", "postalCode", "addressLocality", "addressRegion", "addressCountry")
_MAX_PLACES = 20


def place_lines(store: ItemStore, value: Json) -> list[str]:
    """One line for each place, none twice."""
    value = store.resolve(value)
    places = value[:_MAX_PLACES] if isinstance(value, list) else [value]
    return list(dict.fromkeys(line for found in places if (line := _place(store, store.resolve(found)))))


def address_line(store: ItemStore, value: Json) -> str | None:
    """An address, its parts joined by commas."""
    address = store.resolve(value)
    if isinstance(address, list):
        address = store.resolve(address[0]) if address else None
    values = [store.resolve(address.get(part)) for part in _ADDRESS_PARTS] if isinstance(address, dict) else [address]
    return _joined([line_of(part) for part in values])


def _place(store: ItemStore, place: Json) -> str | None:
    if not isinstance(place, dict):
        return line_of(place)
    if "VirtualLocation" in types_of(place):
        return _virtual(place)
    is_address = "address" not in place and any(part in place for part in _ADDRESS_PARTS)
    name = line_of(place.get("name"))
    return _joined([name, address_line(store, place if is_address else place.get("address"))])


def _virtual(place: Item) -> str | None:
    return line_of(place.get("name")) or line_of(place.get("url"))


def _joined(parts: list[str | None]) -> str | None:
    """The parts one after the other; what another part says already is left out."""
    kept: list[str] = []
    for part in parts:
        if part and not any(part == other or f", {part}," in f", {other}," for other in kept):
            kept.append(part)
    return ", ".join(kept) or None
