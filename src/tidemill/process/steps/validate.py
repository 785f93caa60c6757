"""Judges a draft by the rules of its source. Every reason is named, nothing is dropped without a trace.

Comes in: an enriched draft; goes out: the same with its `problems`. Runs after every step that adds values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tidemill.models.capture import Capture
from tidemill.models.document import Draft
from tidemill.models.source import ProcessRules
from tidemill.process.steps import checks
from tidemill.process.steps.patterns import BadPattern
from tidemill.process.steps.plausible import drop_implausible
from tidemill.process.steps.values import as_exported, is_missing, value_of

_OWN = ("empty_content", "too_many_words", "unknown_language", "wrong_language")
_OWN_FAMILIES = ("schema:", "bad_rule:")
_MISSING = "missing_"
_TEXT_KINDS = frozenset(("article", "text", "pdf"))


def validate(draft: Draft, rules: ProcessRules, capture: Capture) -> Draft:
    """The draft without impossible times, and with all reasons why it is invalid; none means that it is valid.

    First come the reasons of extractors, then, in this order: `empty_content` (no text, or fewer than `min_words`
    words), `too_many_words`, `wrong_language` or `unknown_language`, `missing_<name>` (required and absent), for each
    check `<what>:<name>` (see `checks.SLUGS`), `schema:<JSON pointer>`, and `bad_rule:<where>` for a pattern or schema
    of the source that cannot be used.
    """
    draft = drop_implausible(draft, capture)
    own = (
        *_of_text(draft, rules),
        *_missing(draft, rules),
        *_of_checks(draft, rules),
        *_of_schema(draft, rules, capture),
    )
    told = (problem for problem in draft.problems if not _is_own(problem, draft, rules))
    return replace(draft, problems=tuple(dict.fromkeys((*told, *own))))


def _is_own(problem: str, draft: Draft, rules: ProcessRules) -> bool:
    """Whether a problem is one of those that are found anew here; any other is an extractor's, and stays."""
    if problem in _OWN or problem.startswith((_MISSING, *_OWN_FAMILIES)):
        return True
    slug, _, name = problem.partition(":")
    return slug in checks.SLUGS and name in rules.checks and not is_missing(value_of(draft, name))


def _of_text(draft: Draft, rules: ProcessRules) -> Iterator[str]:
    if draft.word_count < max(rules.min_words, 1) and not _may_lack_text(draft, rules):
        yield "empty_content"
    if rules.max_words is not None and draft.word_count > rules.max_words:
        yield "too_many_words"
    if rules.languages and draft.language not in rules.languages:
        yield "wrong_language" if draft.language else "unknown_language"


def _may_lack_text(draft: Draft, rules: ProcessRules) -> bool:
    """The fields of an event, a product, an item are its content; a page's own document has but text."""
    if not draft.fields:
        return draft.kind == "event"
    if draft.kind in _TEXT_KINDS or (draft.kind == rules.kind and not draft.item_key):
        return rules.min_words == 0 and draft.kind not in ("text", "pdf")
    return True


def _missing(draft: Draft, rules: ProcessRules) -> Iterator[str]:
    """What is required, what is checked and had to be dropped, and what selectors found to be missing."""
    dropped = {str(entry.get("field")) for entry in draft.disagreements if _is_dropped(str(entry.get("origin")))}
    for name in (*rules.required, *(name for name in rules.checks if name in dropped)):
        if is_missing(value_of(draft, name)):
            yield _MISSING + name
    for problem in draft.problems:
        if problem.startswith(_MISSING) and is_missing(value_of(draft, problem.removeprefix(_MISSING))):
            yield problem


def _is_dropped(origin: str) -> bool:
    return origin.startswith("validate@")


def _of_checks(draft: Draft, rules: ProcessRules) -> Iterator[str]:
    for name, rule in rules.checks.items():
        value = value_of(draft, name)
        if is_missing(value):
            continue  # Whether it must be there is for `required` to say.
        try:
            yield from (f"{slug}:{name}" for slug in checks.check(value, rule))
        except BadPattern:
            yield f"bad_rule:checks.{name}.pattern"


def _of_schema(draft: Draft, rules: ProcessRules, capture: Capture) -> Iterator[str]:
    if not rules.schema:
        return
    from tidemill.process.steps import schema  # few sources have one, and each worker would wait for its library

    try:
        yield from (f"schema:{place}" for place in schema.places(as_exported(draft, capture), rules.schema))
    except schema.BadSchema:
        yield "bad_rule:schema"
