"""Which extractor reads which media type. Built-ins and plug-ins say it in the same way: with `@handles(...)`.

Called by the pipeline, once a process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from tidemill import plugins
from tidemill.models.document import Draft

if TYPE_CHECKING:  # who only asks what is read, as the crawl does, need not wait for the libraries that read it
    from tidemill.process.extract.page import Page

HTML = ("text/html", "application/xhtml+xml")
PDF = ("application/pdf",)
TEXT = ("text/plain",)
JSON = ("application/json",)
CALENDAR = ("text/calendar",)
IMPORTED = ("application/vnd.tidemill.document+json",)
HANDLED_MEDIA_TYPES = frozenset((*HTML, *PDF, *TEXT, *JSON, *CALENDAR, *IMPORTED))
"""What the built-in extractors read; a page of another type gives no document unless a plug-in reads it."""


class Extractor(Protocol):
    """A page in, its documents out; a page that is itself at fault raises `Permanent`. No clock, no network."""

    def __call__(self, page: Page, /) -> tuple[Draft, ...]: ...


def handles(*media_types: str) -> Callable[[Extractor], Extractor]:
    """Marks a function as an extractor of these media types (lower case, without parameters)."""

    def mark(extractor: Extractor) -> Extractor:
        extractor.media_types = frozenset(media_types)  # type: ignore[attr-defined]
        return extractor

    return mark


def handled_media_types() -> frozenset[str]:
    """Everything that some extractor reads, found without importing the built-in ones. Raises `PluginError`."""
    foreign = plugins.load(plugins.EXTRACTORS, built_in=False).values()
    return HANDLED_MEDIA_TYPES.union(*(getattr(extractor, "media_types", ()) for extractor in foreign))


def extractors_by_media_type() -> dict[str, tuple[Extractor, ...]]:
    """For each media type its extractors, in the order of their names. Raises `plugins.PluginError`."""
    table: dict[str, tuple[Extractor, ...]] = {}
    for name, extractor in plugins.load(plugins.EXTRACTORS).items():
        media_types = getattr(extractor, "media_types", None)
        if not media_types:
            raise plugins.PluginError(
                f"extractor {name!r} does not say what it reads: decorate it with "
                '`@tidemill.process.extract.handles("text/html")`'
            )
        for media_type in media_types:
            table[media_type] = (*table.get(media_type, ()), extractor)
    return table
