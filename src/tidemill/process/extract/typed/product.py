"""A product: what it is called, who made it, what it costs, where it is to be had, what buyers think of it.

Comes in: a `Product` (schema.org) or the `product:` meta tags of a page; goes out: a `Reading` with its fields. Called
by `structured`.
"""

from __future__ import annotations

from tidemill.models.document import Json
from tidemill.process.extract.jsonld import Item, types_of
from tidemill.process.extract.typed.reading import Reading
from tidemill.process.extract.typed.values import count_of, line_of, number_of, slug_of

_GTINS = ("gtin", "gtin13", "gtin14", "gtin12", "gtin8", "isbn", "offers.gtin13", "offers.gtin", "offers.gtin12")
_STRUCK = frozenset(("list_price", "strikethrough_price", "srp", "msrp", "regular_price"))
_STOCK = {
    "instock": "in_stock", "available": "in_stock", "available_for_order": "in_stock", "yes": "in_stock",
    "outofstock": "out_of_stock", "oos": "out_of_stock", "unavailable": "out_of_stock", "not_available": "out_of_stock",
    "preorder": "pre_order", "backorder": "back_order", "available_on_backorder": "back_order", "soldout": "sold_out",
    "pending": "pre_order",
}  # fmt: skip
_MAX_OFFERS = 100


def read_product(reading: Reading) -> None:
    """Puts the fields of a product. `price` is the lowest of its offers that can be bought, in the first's currency."""
    reading.text("title", "name")
    reading.describe("description")
    reading.image("image")
    reading.put("name", reading.texts.get("title"), "name")
    reading.joined("brand", "brand", "manufacturer")
    reading.first("sku", line_of, "sku", "offers.sku", "productID", "productGroupID")
    reading.first("gtin", _gtin, *_GTINS, "productID")
    reading.first("mpn", line_of, "mpn")
    reading.joined("category", "category")
    reading.first("color", line_of, "color")
    reading.url("url", "url")
    _read_offers(reading)
    read_rating(reading)
    reading.first("condition", condition_of, "itemCondition", "offers.itemCondition", "offers.offers.itemCondition")


def read_rating(reading: Reading) -> None:
    """Puts `rating`, the best one possible if it is not 5, and `review_count`."""
    path = "aggregateRating"
    reading.first("rating", number_of, f"{path}.ratingValue")
    reading.first("review_count", count_of, f"{path}.reviewCount", f"{path}.ratingCount", "reviewCount")
    best = next((number for value in reading.at(f"{path}.bestRating") if (number := number_of(value))), 5.0)
    if "rating" in reading.fields and best != 5:
        reading.put("best_rating", best, f"{path}.bestRating")


def availability_of(value: Json) -> str | None:
    """`in_stock`, `out_of_stock`, `pre_order` …"""
    slug = slug_of(value)
    return _STOCK.get(slug, slug) if slug else None


def condition_of(value: Json) -> str | None:
    """`new`, `used`, `refurbished`, `damaged`."""
    slug = slug_of(value)
    return slug.removesuffix("_condition") if slug else None


def _gtin(value: Json) -> str | None:
    """8 to 14 digits, an ISBN without its hyphens."""
    digits = (line_of(value) or "").lower().removeprefix("isbn").replace("-", "").replace(" ", "").lstrip(":")
    return digits.upper() if 8 <= len(digits) <= 14 and digits[:-1].isdecimal() else None


def _read_offers(reading: Reading) -> None:
    paths = ("offers", "hasVariant.offers")
    path = next((path for path in paths if reading.at(path)), "offers")
    found = [offer for offer in reading.at(path) if isinstance(offer, dict)]
    single = [part for offer in found for part in (_parts(reading, offer) or [offer])][:_MAX_OFFERS]
    offers = [read for offer in single if (read := _offer(reading, offer))]
    ranges = [offer for offer in found if "AggregateOffer" in types_of(offer) or "lowPrice" in offer]
    _put_range(reading, ranges, path)
    chosen = _best(offers)
    if chosen is not None:
        for name in ("price", "currency", "list_price", "availability"):
            reading.put(name, chosen.get(name), f"{path}.{'priceCurrency' if name == 'currency' else name}")
    reading.put("offers", [dict(offer) for offer in offers if "price" in offer], path)


def _parts(reading: Reading, offer: Item) -> list[Item]:
    """The offers that an `AggregateOffer` holds."""
    return [part for part in reading.at("offers", offer) if isinstance(part, dict)]


def _put_range(reading: Reading, ranges: list[Item], path: str) -> None:
    """The prices of an `AggregateOffer`, which says from what to what."""
    for offer in ranges[:1]:
        low = number_of(offer.get("lowPrice"))
        if low is None:
            low = number_of(offer.get("price"))
        high = number_of(offer.get("highPrice"))
        reading.put("price", low, f"{path}.lowPrice")
        reading.put("price_max", high if high != low else None, f"{path}.highPrice")
        reading.put("currency", _currency(offer.get("priceCurrency")), f"{path}.priceCurrency")
        reading.put("offer_count", count_of(offer.get("offerCount")), f"{path}.offerCount")
        reading.put("availability", availability_of(offer.get("availability")), f"{path}.availability")


def _best(offers: list[dict[str, Json]]) -> dict[str, Json] | None:
    """The cheapest offer that can be bought, else the cheapest, else the first; all in the currency of the first."""
    priced = [offer for offer in offers if "price" in offer]
    priced = [offer for offer in priced if offer.get("currency") == priced[0].get("currency")]
    buyable = [
        offer for offer in priced if offer.get("availability") not in ("out_of_stock", "sold_out", "discontinued")
    ]
    best = min(buyable or priced, key=lambda offer: number_of(offer["price"]) or 0.0, default=None)
    return best if best is not None else next(iter(offers), None)


def _offer(reading: Reading, offer: Item) -> dict[str, Json]:
    """One offer by the names of our fields."""
    price, currency = number_of(offer.get("price")), offer.get("priceCurrency")
    listed: float | None = None
    for part in (part for part in reading.at("priceSpecification", offer) if isinstance(part, dict)):
        amount = number_of(part.get("price"))
        if amount is None:
            amount = number_of(part.get("minPrice"))
        if slug_of(part.get("priceType")) in _STRUCK:
            listed = amount if listed is None else listed
        elif price is None:
            price = amount
        currency = currency or part.get("priceCurrency")
    values: dict[str, Json] = {
        "price": price if price is not None else listed,
        "currency": _currency(currency),
        "list_price": listed if price is not None and listed != price else None,
        "availability": availability_of(offer.get("availability")),
        "condition": condition_of(offer.get("itemCondition")),
        "name": line_of(offer.get("name")),
        "sku": line_of(offer.get("sku")),
        "seller": next((line for value in reading.at("seller", offer) if (line := line_of(value))), None),
        "url": reading.url_of(offer.get("url")),
        "valid_until": (line_of(offer.get("priceValidUntil")) or "")[:10] or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _currency(value: Json) -> str | None:
    """An ISO 4217 code."""
    code = (line_of(value) or "").strip().upper()
    symbols = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR"}
    return code if len(code) == 3 and code.isalpha() and code.isascii() else symbols.get(code)
