"""Verdicts: what an answered HTML page really is, when it is no page of content.

The parsed page and its answer come in; a `Verdict` (blocked or gone, with confidence, reason and evidence) or nothing
goes out. Called by the crawl stage for each HTML answer; `needs_browser` by sources with `fetch: auto`.
"""

from __future__ import annotations

from tidemill.crawl.verdicts.evidence import THRESHOLD, BrowserNeed, Verdict
from tidemill.crawl.verdicts.judge import judge
from tidemill.crawl.verdicts.shell import needs_browser

__all__ = ["THRESHOLD", "BrowserNeed", "Verdict", "judge", "needs_browser"]
