"""The pipeline over a body that the worker reads from the archive by itself, which spares its parent two copies.

Comes in: a capture, where its body lies, and its source's rules; goes out: its drafts. Called in the worker processes
of `pool`.
"""

from __future__ import annotations

from tidemill.archive.extents import Extent, read
from tidemill.models.capture import Capture
from tidemill.models.document import Processed
from tidemill.models.source import ProcessRules
from tidemill.process import pipeline


def process(capture: Capture, extent: Extent, rules: ProcessRules) -> Processed:
    """What becomes of one capture. Raises `archive.extents.Unreadable`."""
    return pipeline.process(capture, read(extent), rules)
