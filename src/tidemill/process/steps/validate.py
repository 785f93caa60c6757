"""Judges a draft by the rules of its source. Every reason is named, nothing is dropped.

Comes in: an enriched draft; goes out: the same with its `problems`. Runs after every step that adds values.
"""

from __future__ import annotations

from dataclasses import replace

from tidemill.models.capture import Capture
from tidemill.models.document import Draft
from tidemill.models.source import ProcessRules

_OWN = ("empty_content", "unknown_language", "wrong_language")


def validate(draft: Draft, rules: ProcessRules, capture: Capture) -> Draft:
    """The draft with all reasons why it is invalid, as slugs; none means that it is valid.

    `empty_content`: no text, or fewer than `min_words` words (an event needs none: its fields are its content).
    `wrong_language`, `unknown_language`: not one of `languages`. `missing_<field>`: a required value is absent.
    """
    problems = [problem for problem in draft.problems if problem not in _OWN and not problem.startswith("missing_")]
    if draft.kind != "event" and (draft.word_count == 0 or draft.word_count < rules.min_words):
        problems.append("empty_content")
    if rules.languages and draft.language not in rules.languages:
        problems.append("wrong_language" if draft.language else "unknown_language")
    problems += [f"missing_{name}" for name in rules.required if _is_missing(draft, name)]
    return replace(draft, problems=tuple(dict.fromkeys(problems)))


def _is_missing(draft: Draft, name: str) -> bool:
    value = getattr(draft, name) if name in Draft.__slots__ else draft.fields.get(name)
    return value is None or value in ("", (), [], {})
