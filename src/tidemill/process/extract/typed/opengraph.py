"""A product by the meta tags of a page: `og:type`, `product:price:amount` and their relatives.

Comes in: a page; goes out: the draft of its product. Called by `structured`.
"""

from __future__ import annotations

from collections.abc import Callable

from tidemill.models.document import Draft, Json, origin
from tidemill.process.extract.page import Page
from tidemill.process.extract.typed.product import availability_of, condition_of
from tidemill.process.extract.typed.values import line_of, number_of

_SELECTOR = "meta[property^='product:'], meta[property^='og:'], meta[name^='product:'], meta[name^='og:']"
_TYPES = frozenset(("product", "product.item", "og:product", "og:product.item"))
_Convert = Callable[[Json], str | float | None]
_FIELDS: tuple[tuple[str, _Convert, tuple[str, ...]], ...] = (
    ("price", number_of, ("product:sale_price:amount", "product:price:amount", "og:price:amount", "product:price")),
    ("currency", line_of, ("product:sale_price:currency", "product:price:currency", "og:price:currency")),
    ("availability", availability_of, ("product:availability", "og:availability")),
    ("condition", condition_of, ("product:condition", "og:condition")),
    ("brand", line_of, ("product:brand", "og:brand")),
    ("sku", line_of, ("product:retailer_item_id", "product:sku", "product:retailer_part_no")),
    ("mpn", line_of, ("product:mfr_part_no",)),
    ("gtin", line_of, ("product:gtin", "product:ean", "product:upc", "product:isbn")),
    ("category", line_of, ("product:category",)),
    ("color", line_of, ("product:color",)),
)


def read_opengraph(page: Page) -> Draft | None:
    """The product that the page calls itself in its meta tags, or names a price for; `None` if it does neither."""
    metas: dict[str, str] = {}
    for node in page.tree.css(_SELECTOR):
        attributes = node.attributes
        name = (attributes.get("property") or attributes.get("name") or "").strip().lower()
        if content := (attributes.get("content") or "").strip():
            metas.setdefault(name, content)
    fields: dict[str, Json] = {}
    provenance: dict[str, str] = {}
    for field, convert, names in _FIELDS:
        for name in names:
            if name in metas and field not in fields and (value := convert(metas[name])) not in (None, ""):
                fields[field] = value
                provenance[field] = origin("opengraph", "1", name)
    if metas.get("og:type", "").lower() not in _TYPES and not fields.get("price"):
        return None
    return Draft(kind="product", fields=fields, provenance=provenance)
