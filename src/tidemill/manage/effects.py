"""What processing pages again does to their documents: foretold, observed, and added up.

Comes in: the documents of a page before, and what the pipeline makes of its capture now (or the documents after); goes
out: a `Summary` that can be kept as JSON. Pure. Called by `manage.reprocess`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from tidemill.manage.history import FieldChange, differences
from tidemill.models.capture import Capture
from tidemill.models.document import DocumentState, Draft, Json, Processed
from tidemill.models.failure import Failure
from tidemill.models.ids import document_id
from tidemill.process.compute import is_lost
from tidemill.store import withdrawal
from tidemill.store.versions import Standing, values_of

Standings = Mapping[str, Standing]
MOST_EXAMPLES = 3
MOST_LISTED = 50
_LIVE = (DocumentState.CURRENT, DocumentState.DUPLICATE)
_BEFORE_DIFFERENCE = 24
_EXAMPLE_CHARS = 100


class Effect(StrEnum):
    """What became of one document. `KEPT`: its page shows it invalid; it stays as it was before that."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    NEW = "new"
    REMOVED = "removed"
    VALID = "valid"
    INVALID = "invalid"
    KEPT = "kept"


@dataclass(slots=True)
class Summary:
    """What was done, or would be. `effects` count documents, `fields` those in which a value changed; `examples` are by
    field, `samples` by effect; `failures` and `lost` list the first captures that could not be processed."""

    pages: int = 0
    failed: int = 0
    bodies_lost: int = 0
    effects: dict[str, int] = field(default_factory=dict)
    fields: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failures: list[dict[str, str]] = field(default_factory=list)
    lost: list[dict[str, str]] = field(default_factory=list)

    def add_failure(self, capture: Capture, failure: Failure) -> None:
        """A page whose documents are left as they are, since it could not be processed or its body is not there."""
        self.pages += 1
        about = {"url": capture.url, "capture_id": capture.id, "reason": failure.reason}
        if is_lost(failure):
            self.bodies_lost += 1
            listed, about["body_hash"] = self.lost, capture.body_hash
        else:
            self.failed += 1
            listed, about["message"] = self.failures, f"{failure.error_type}: {failure.message}"[:500]
        if len(listed) < MOST_LISTED:
            listed.append(about)

    def add_page(self, capture: Capture, result: Processed, before: Standings, after: Standings) -> None:
        """A page whose documents were, or would be, `after`."""
        self.pages += 1
        problems = {document_id(capture.page_id, draft.item_key): draft.problems for draft in result.drafts}
        for identifier in sorted(before.keys() | after.keys()):
            was, now = before.get(identifier), after.get(identifier)
            self._add(identifier, was, now, problems.get(identifier, ()))

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON holds it; `Summary(**…)` reads it back."""
        return asdict(self)

    def _add(self, identifier: str, was: Standing | None, now: Standing | None, problems: tuple[str, ...]) -> None:
        effect = effect_of(was, now, problems)
        if effect is None or now is None:
            return
        self.effects[effect.value] = self.effects.get(effect.value, 0) + 1
        if effect is Effect.UNCHANGED:
            return
        samples = self.samples.setdefault(effect.value, [])
        if len(samples) < MOST_EXAMPLES:
            given = now.values.get("problems")
            why = list(problems) or (given if isinstance(given, list) else [])
            samples.append({"document_id": identifier, "url": now.url, "title": now.values["title"], "problems": why})
        if was is not None and effect in (Effect.CHANGED, Effect.VALID, Effect.INVALID):
            for change in field_changes(was, now):
                self._add_change(identifier, now.url, change)

    def _add_change(self, identifier: str, url: str, change: FieldChange) -> None:
        self.fields[change.field] = self.fields.get(change.field, 0) + 1
        examples = self.examples.setdefault(change.field, [])
        if len(examples) < MOST_EXAMPLES:
            old, new = side_by_side(change.old, change.new)
            examples.append({"document_id": identifier, "url": url, "old": old, "new": new})


def foretold(capture: Capture, result: Processed, before: Standings) -> dict[str, Standing]:
    """The documents of a page after its result would be stored. Who is whose duplicate is left as it is.

    The decisions are those of `store.plans` for pages that are processed again.
    """
    after = dict(before)
    made_here = {key for key, was in before.items() if was.body_hash == capture.body_hash}
    drafts = {document_id(capture.page_id, draft.item_key): draft for draft in result.drafts}
    for identifier, draft in drafts.items():
        was = before.get(identifier)
        stays = draft.problems and was is not None and was.state in _LIVE
        if was is None or not stays or withdrawal.refuses(draft, was.values, made_here=identifier in made_here):
            after[identifier] = _replaced(identifier, capture, draft, was)
    left = [key for key in before if key not in drafts]
    for key in withdrawal.dropped(capture, result, left, made_here):
        after[key] = replace(before[key], state=DocumentState.REMOVED)
    return after


def effect_of(was: Standing | None, now: Standing | None, problems: tuple[str, ...]) -> Effect | None:
    """What became of a document; `None` if there was none and is none. `problems` are those of its draft now."""
    gone = DocumentState.REMOVED
    was_there, is_there = was is not None and was.state is not gone, now is not None and now.state is not gone
    if was is None or now is None or not (was_there and is_there):
        if not is_there:
            return Effect.REMOVED if was_there else None
        return Effect.INVALID if now is not None and now.state is DocumentState.INVALID else Effect.NEW
    if was.state is DocumentState.INVALID and now.state in _LIVE:
        return Effect.VALID
    if was.state in _LIVE and now.state is DocumentState.INVALID:
        return Effect.INVALID
    if was.fingerprint != now.fingerprint or was.state is not now.state:
        return Effect.CHANGED
    return Effect.KEPT if problems and now.state in _LIVE else Effect.UNCHANGED


def field_changes(was: Standing, now: Standing) -> list[FieldChange]:
    """The values of a document that differ; where they come from does not count."""
    state = [FieldChange("state", was.state.value, now.state.value)] if was.state is not now.state else []
    told = differences(was.values, now.values)
    return state + [change for change in told if not change.field.startswith(("provenance", "disagreements"))]


def side_by_side(old: Json, new: Json) -> tuple[str, str]:
    """Two values as short lines that begin a little before the place where they differ."""
    first, second = _line(old), _line(new)
    same = next(
        (n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )
    begin = max(0, same - _BEFORE_DIFFERENCE) if max(len(first), len(second)) > _EXAMPLE_CHARS else 0
    return _cut(first, begin), _cut(second, begin)


def _replaced(identifier: str, capture: Capture, draft: Draft, was: Standing | None) -> Standing:
    if was is not None and was.fingerprint == draft.fingerprint and was.state is not DocumentState.REMOVED:
        return was
    if draft.problems:
        state = DocumentState.INVALID
    else:
        state = was.state if was is not None and was.state in _LIVE else DocumentState.CURRENT
    version = 1 if was is None else was.version + 1
    return Standing(identifier, capture.url, version, state, draft.fingerprint, values_of(draft))


def _line(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.split())


def _cut(line: str, begin: int) -> str:
    end = begin + _EXAMPLE_CHARS
    return ("…" if begin else "") + line[begin:end] + ("…" if end < len(line) else "")
