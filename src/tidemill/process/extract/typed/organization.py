"""An organization: what it is called, where it is, how it is reached.

Comes in: an `Organization` (schema.org), `LocalBusiness` and the like; goes out: a `Reading` with its fields. Called by
`structured`.
"""

from __future__ import annotations

from tidemill.models.document import Json
from tidemill.process.extract.typed.places import address_line
from tidemill.process.extract.typed.product import read_rating
from tidemill.process.extract.typed.reading import Reading
from tidemill.process.extract.typed.values import line_of

_MAX_LINKS = 50


def read_organization(reading: Reading) -> None:
    """Puts the fields of an organization."""
    reading.text("title", "name", "legalName")
    reading.describe("description", "slogan")
    reading.image("image", "photo", "logo")
    reading.put("name", reading.texts.get("title"), "name")
    reading.first("legal_name", line_of, "legalName")
    reading.put("type", reading.type_name, "@type")
    reading.url("url", "url")
    reading.url("logo", "logo")
    addresses = (
        address_line(reading.store, value) for value in [*reading.at("address"), *reading.at("location.address")]
    )
    reading.put("address", next((line for line in addresses if line), None), "address")
    reading.first("phone", _phone, "telephone", "contactPoint.telephone", "contactPoints.telephone")
    reading.first("email", _email, "email", "contactPoint.email", "contactPoints.email")
    links: list[Json] = [url for value in reading.at("sameAs") if (url := reading.url_of(value))]
    reading.put("same_as", links[:_MAX_LINKS], "sameAs")
    reading.first("founded", line_of, "foundingDate")
    reading.first("price_range", line_of, "priceRange")
    reading.put("opening_hours", [*reading.names("openingHours")], "openingHours")
    read_rating(reading)


def _phone(value: Json) -> str | None:
    line = (line_of(value) or "").removeprefix("tel:").strip()
    return line if sum(char.isdigit() for char in line) >= 5 else None


def _email(value: Json) -> str | None:
    line = (line_of(value) or "").removeprefix("mailto:").strip()
    return line if "@" in line else None
