"""Drafts that got further values after the pipeline, through its steps once more.

Comes in: drafts, their capture and rules; goes out: the drafts finished. Called in the worker processes of `pool`.
"""

from __future__ import annotations

from dataclasses import replace

from tidemill.models.capture import Capture
from tidemill.models.document import Processed
from tidemill.models.source import ProcessRules
from tidemill.process.pipeline import installed_pipeline


def finish(processed: Processed, capture: Capture, rules: ProcessRules) -> Processed:
    """The same drafts, cleaned, enriched, judged and signed anew."""
    pipeline = installed_pipeline()
    return replace(processed, drafts=tuple(pipeline.finish(draft, rules, capture) for draft in processed.drafts))
