"""Extractors: plain functions from a `Page` to the drafts that they find in it.

`registry` says which of them read which media type; the pipeline puts what they find side by side.
"""

from tidemill.process.extract.page import Page
from tidemill.process.extract.registry import HANDLED_MEDIA_TYPES, Extractor, handles

__all__ = ["HANDLED_MEDIA_TYPES", "Extractor", "Page", "handles"]
