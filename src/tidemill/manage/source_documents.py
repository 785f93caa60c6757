"""What documents must be like, and what a language model is asked of them: schemas and names of fields.

In: the schemas and the language model's rules of a source. Out: what is wrong with them, as (location, message): all
that would otherwise come to light as a problem of each document. Called by `source_process`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, EMPTY_REGISTRY

from tidemill.manage.source_request import Fault, Location
from tidemill.models.source import LanguageModelRules
from tidemill.process.llm.question import FILLABLE, RESERVED
from tidemill.process.steps import patterns, schema

_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTED = ("allOf", "anyOf", "oneOf", "prefixItems")
_ALONE = (
    "items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties",
    "not", "if", "then", "else", "contentSchema",
)  # fmt: skip
"""Where a schema holds further schemas; anything else in it is data (`const`, `enum`, `default`, `examples`)."""


def llm_faults(rules: LanguageModelRules) -> Iterator[Fault]:
    """Everything wrong with what a language model is asked."""
    for name, wanted in rules.fields.items():
        if not name.strip() or not wanted.strip():
            yield ("llm", "fields", name), f"process.llm.fields.{name} is {wanted!r}; say in words what is wanted"
        elif name in RESERVED:
            known = ", ".join(FILLABLE)
            told = f"process.llm.fields.{name} is never asked for; use one of {known}, or a name of your own"
            yield ("llm", "fields", name), told
    yield from schema_faults(("llm", "schema"), rules.schema, formats=Draft202012Validator.FORMAT_CHECKER)


def schema_faults(
    place: Location, given: Mapping[str, Any], *, formats: FormatChecker = schema.OWN_PATTERNS
) -> Iterator[Fault]:
    """Why this is no JSON schema (Draft 2020-12) that can be used: one reason, or all bad patterns and references.

    `formats` are those that the words of the schema itself must have.
    """
    if not given:
        return
    said = f"process.{'.'.join(map(str, place))}"
    try:
        Draft202012Validator.check_schema(dict(given), format_checker=formats)
    except SchemaError as error:
        where = "".join(f".{each}" for each in error.absolute_path)
        yield (*place, *error.absolute_path), f"{said}{where} is no JSON schema: {_short(error.message)}"
        return
    except RecursionError:
        yield place, f"{said} is nested too deeply; make it flatter"
        return
    found = [((*place, *inner), f"{said}{message}") for inner, message in _inner_faults(given)]
    if not found and (fault := schema.find_fault(given)) is not None:
        found = [(place, f"{said}: {_short(fault)}")]
    yield from found


def _inner_faults(root: Mapping[str, Any]) -> Iterator[Fault]:
    """Of every schema within: patterns that are none, and references that lead nowhere or outside."""
    for place, each in _schemas((), root):
        where = "".join(f".{part}" for part in place)
        for pattern_at, pattern in _patterns(each):
            if (fault := patterns.find_fault(pattern)) is not None:
                told = f"{where} has the pattern {pattern!r}, which is no regular expression ({fault}); correct it"
                yield (*place, *pattern_at), told
        for key in ("$ref", "$dynamicRef"):
            if isinstance(each.get(key), str) and (fault := _unresolvable(root, each[key])) is not None:
                yield (*place, key), f"{where} refers to {each[key]!r}; {fault}"


def _schemas(place: Location, given: object) -> Iterator[tuple[Location, Mapping[str, Any]]]:
    if not isinstance(given, Mapping):  # `true` and `false` are schemas, too
        return
    yield place, given
    for key in _ALONE:
        yield from _schemas((*place, key), given.get(key))
    for key in _LISTED:
        for index, each in enumerate(given.get(key, ())):
            yield from _schemas((*place, key, index), each)
    for key in _NAMED:
        for name, each in given.get(key, {}).items():
            yield from _schemas((*place, key, name), each)


def _patterns(given: Mapping[str, Any]) -> Iterator[tuple[Location, str]]:
    if isinstance(given.get("pattern"), str):
        yield ("pattern",), given["pattern"]
    for name in given.get("patternProperties", {}):
        yield ("patternProperties", name), name


def _unresolvable(root: Mapping[str, Any], reference: str) -> str | None:
    """Why a reference leads nowhere. One within a part that has an `$id` of its own is believed."""
    if not reference.startswith("#"):
        return "nothing is fetched for a check: write its definition below $defs"
    if any("$id" in each for _, each in _schemas((), root)):
        return None
    try:
        EMPTY_REGISTRY.resolver_with_root(DRAFT202012.create_resource(dict(root))).lookup(reference)
    except Unresolvable:
        return "there is no such place in the schema; correct it, or write it below $defs"
    return None


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"
