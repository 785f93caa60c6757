"""Extractors: plain functions from a `Page` to the drafts that they find in it.

`registry` says which of them read which media type; the pipeline puts what they find side by side.
"""

from typing import TYPE_CHECKING, Any

from tidemill.process.extract.registry import HANDLED_MEDIA_TYPES, Extractor, handles

if TYPE_CHECKING:
    from tidemill.process.extract.page import Page

__all__ = ["HANDLED_MEDIA_TYPES", "Extractor", "Page", "handles"]


def __getattr__(name: str) -> Any:
    """`Page` when someone asks for it: its libraries cost more than the start of a crawl, which extracts nothing."""
    if name != "Page":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tidemill.process.extract.page import Page

    return Page
