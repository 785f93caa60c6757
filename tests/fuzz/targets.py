"""All fuzz targets by name, and the seeds that each begins with.

Read by the unit tests and by `make fuzz`. A new way in for strangers' bytes gets a function in `pages` or `wire`, a
line here, and at least one seed in `corpus/NAME/`.
"""

from __future__ import annotations

from pathlib import Path

from tests.fuzz import pages, wire
from tests.fuzz.laws import Target

CORPUS = Path(__file__).parent / "corpus"

TARGETS: dict[str, Target] = {
    "answer": pages.answer,
    "api": wire.api,
    "calendar": pages.calendar,
    "charset": wire.charset,
    "cleaning": pages.cleaning,
    "encoding": wire.encoding,
    "feed": pages.feed,
    "feed_listing": wire.feed_listing,
    "fragment": pages.fragment,
    "head": pages.head,
    "headers": wire.headers,
    "item": pages.item,
    "jsonld": pages.jsonld,
    "links": wire.links,
    "markup": pages.markup,
    "microdata": pages.microdata,
    "pack": wire.pack,
    "page": pages.page,
    "pdf": pages.pdf,
    "query": wire.query,
    "robots": wire.robots,
    "selectors": pages.selectors,
    "sitemap": wire.sitemap,
    "text": pages.text,
    "times": wire.times,
    "url": wire.url,
    "warc": wire.warc,
}


def seeds(target: str) -> list[Path]:
    """The kept inputs of a target, in the order of their names."""
    return sorted((CORPUS / target).iterdir())
