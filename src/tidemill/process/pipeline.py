"""The process stage as one pure function: a capture, its bytes and its source's rules in, drafts of documents out.

Called in the worker processes of `pool`, and by `tidemill extract` for a single file. No clock, no randomness, no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from tidemill import plugins
from tidemill.errors import Permanent
from tidemill.models.capture import Capture
from tidemill.models.document import Draft, Processed
from tidemill.models.source import ProcessRules
from tidemill.process.extract.page import Page
from tidemill.process.extract.registry import Extractor, extractors_by_media_type
from tidemill.process.reconcile import Found, rank, reconcile
from tidemill.process.steps.registry import Step, steps_in_order

UNSUPPORTED = "unsupported_media_type"
NOTHING_FOUND = "no_documents"
EXTRACTOR_FAILED = "extractor_failed"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The extractors of each media type by their names, in their order, and the steps in theirs."""

    extractors: dict[str, tuple[tuple[str, Extractor], ...]]
    steps: tuple[Step, ...]

    def process(self, capture: Capture, body: bytes, rules: ProcessRules) -> Processed:
        """See `process`."""
        extractors = self.extractors.get(capture.media_type, ())
        if not extractors:
            return Processed(capture.id, (), UNSUPPORTED)
        page = Page(capture, body, rules)
        found: list[Found] = []
        reasons: list[str] = []
        for name, extractor in extractors:
            try:
                found += [Found(name, draft) for draft in extractor(page)]
            except Permanent as fault:
                reasons.append(fault.reason)
        drafts = _with_failures(reconcile(found, rules), reasons)
        finished = tuple(self.finish(draft, rules, capture) for draft in drafts)
        return Processed(capture.id, finished, None if finished else (*reasons, NOTHING_FOUND)[0])

    def finish(self, draft: Draft, rules: ProcessRules, capture: Capture) -> Draft:
        """All steps in their order; done again on a draft that is finished, they change nothing."""
        for step in self.steps:
            draft = step(draft, rules, capture)
        return draft


def _with_failures(drafts: tuple[Draft, ...], reasons: list[str]) -> tuple[Draft, ...]:
    """The drafts; the page's own, or else each, says which extractors gave up. One must not lose what others found."""
    if not reasons:
        return drafts
    flags = dict.fromkeys(f"{EXTRACTOR_FAILED}:{reason}" for reason in reasons)
    has_own = any(not draft.item_key for draft in drafts)
    return tuple(
        draft if has_own and draft.item_key else replace(draft, flags=(*draft.flags, *flags)) for draft in drafts
    )


@cache
def installed_pipeline() -> Pipeline:
    """The pipeline of what is installed, loaded once a process. Raises `plugins.PluginError`."""
    names = {extractor: name for name, extractor in plugins.load(plugins.EXTRACTORS).items()}
    extractors = {
        media_type: tuple(sorted(((names[one], one) for one in found), key=lambda named: rank(named[0])))
        for media_type, found in extractors_by_media_type().items()
    }
    return Pipeline(extractors, steps_in_order())


def process(capture: Capture, body: bytes, rules: ProcessRules) -> Processed:
    """What becomes of one capture: its drafts, each with its problems, or the reason why there are none.

    Never raises for what is the page's own fault; an exception is a fault of ours and belongs in a dead letter.
    """
    return installed_pipeline().process(capture, body, rules)


def preload() -> None:
    """Imports and warms up all that the first page would otherwise wait for."""
    body = b"<html><title>warm</title><p>" + b"These words are only there to be counted and recognised. " * 4
    process(_warm_capture(len(body)), body, ProcessRules())


def _warm_capture(size_bytes: int) -> Capture:
    from datetime import UTC, datetime  # Only here is a time made up, and it is always the same.

    return Capture(
        "", "", "", "", "http://localhost/", datetime(2000, 1, 1, tzinfo=UTC), 200, "text/html", "", "", size_bytes
    )
