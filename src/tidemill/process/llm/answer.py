"""What is believed of a language model's answer, and how it gets into the document.

Comes in: the text of an answer and the question; goes out: values that satisfy the schema, and a draft that has them.
Called by `model`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from tidemill.errors import Permanent
from tidemill.models.document import Draft, Json, origin
from tidemill.process.extract.times import parse_aware_time
from tidemill.process.llm.question import FILLABLE, Question, lacks

FAILED = "llm_failed:"
"""How the flag begins of a document for which a model was asked in vain; the reason follows."""

_FENCE = re.compile(r"```(?:json)?[^\S\n]*\n", re.IGNORECASE)
_TIMES = ("published_at", "modified_at")
_BETWEEN_TAGS = re.compile(r"[,;\n]")


def check(text: str, question: Question) -> dict[str, Json]:
    """The values of the fields that were asked for, `null`s left out.

    Raises `Permanent`: `bad_answer` if the text is not one JSON object, `schema` if it does not satisfy the schema,
    `bad_schema` if the schema is none, or refers to something outside of itself.
    """
    try:
        given = orjson.loads(_without_fence(text.strip()))
    except ValueError as error:
        raise Permanent(f"the model's answer is not JSON: {error}", reason="bad_answer") from error
    if not isinstance(given, dict):
        raise Permanent(f"the model's answer is no JSON object but {type(given).__name__}", reason="bad_answer")
    _satisfies(given, question)
    return {name: value for name in question.fields if (value := given.get(name)) is not None}


def _without_fence(text: str) -> str:
    opened = _FENCE.match(text)
    return text[opened.end() :].removesuffix("```") if opened and text.endswith("```") else text


def check_schema(question: Question) -> None:
    """Raises `Permanent` (`bad_schema`) if no answer could ever be checked; found before anything is paid."""
    try:
        Draft202012Validator.check_schema(dict(question.schema))
    except (SchemaError, RecursionError) as error:
        raise _bad_schema(error) from error


def fill(draft: Draft, values: Mapping[str, Json], *, model: str, url: str, zone: tzinfo | None) -> Draft:
    """The draft with the values that it lacks, each with its origin; a value that cannot be read is left out."""
    own: dict[str, object] = {}
    others: dict[str, Json] = {}
    for name, value in values.items():
        if not lacks(draft, name):
            continue
        if name not in FILLABLE:
            others[name] = value.strip() if isinstance(value, str) else value
        elif read := _read(name, value, url, zone):
            own[name] = read
    filled = [*own, *(name for name, value in others.items() if value not in (None, "", [], {}))]
    if not filled:
        return draft
    cured = {f"missing_{name}" for name in filled}
    return replace(
        draft,
        **own,  # type: ignore[arg-type]
        fields={**draft.fields, **{name: others[name] for name in filled if name in others}},
        provenance={**draft.provenance, **{name: origin("llm", model, name) for name in filled}},
        problems=tuple(problem for problem in draft.problems if problem not in cured),
    )


def flagged(draft: Draft, reason: str) -> Draft:
    """The draft with the flag that says why the model did not help; flags of earlier attempts are gone."""
    kept = [flag for flag in draft.flags if not flag.startswith(FAILED)]
    return replace(draft, flags=(*kept, FAILED + reason))


def _satisfies(given: dict[str, Json], question: Question) -> None:
    nothing_else: Registry[Any] = Registry()  # whatever the schema refers to, nothing is fetched
    checks = Draft202012Validator.FORMAT_CHECKER
    try:
        Draft202012Validator(dict(question.schema), registry=nothing_else, format_checker=checks).validate(given)
    except ValidationError as error:
        message = f"the model's answer does not satisfy the schema at {error.json_path}: {error.message[:200]}"
        raise Permanent(message, reason="schema") from error
    except (Unresolvable, re.error, RecursionError) as error:
        raise _bad_schema(error) from error


def _bad_schema(error: Exception) -> Permanent:
    return Permanent(f"llm.schema cannot be used: {type(error).__name__}: {str(error)[:200]}", reason="bad_schema")


def _read(name: str, value: Json, url: str, zone: tzinfo | None) -> object:
    """A value as the document has it; something empty if it cannot be read."""
    if name == "tags":
        members = value if isinstance(value, list) else _BETWEEN_TAGS.split(str(value))
        return tuple(dict.fromkeys(tag for member in members if (tag := _line(member))))
    text = ", ".join(filter(None, map(_line, value))) if isinstance(value, list) else _line(value)
    if name in _TIMES:
        return parse_aware_time(text, zone)[0]
    return _absolute(url, text) if name == "image_url" else text


def _line(value: Json) -> str:
    return " ".join(str(value).split()) if isinstance(value, str | int | float) else ""


def _absolute(url: str, link: str) -> str:
    try:
        absolute = urljoin(url, link)
        return absolute if link and urlsplit(absolute).scheme in ("http", "https") else ""
    except ValueError:
        return ""
