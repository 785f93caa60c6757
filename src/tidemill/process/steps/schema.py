"""Holds a document against the JSON schema that its source has for it (`process.schema`, Draft 2020-12).

Comes in: a document as exported and a schema; goes out: the places that do not satisfy it. Called by `validate`;
whoever reads sources may ask `find_fault`. Nothing is ever fetched: references lead into the schema itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, Protocol, cast

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend
from referencing.exceptions import Unresolvable
from referencing.jsonschema import EMPTY_REGISTRY

from tidemill.models.document import Json
from tidemill.models.source import CheckRule
from tidemill.process.steps.checks import check
from tidemill.process.steps.patterns import BadPattern, SlowPattern, matches

MAX_PLACES = 20
_MAX_ERRORS = 200
_FORMATS = FormatChecker(formats=("date", "email", "idn-email", "ipv4", "ipv6", "uuid", "time"))


OWN_PATTERNS = FormatChecker(formats=())
"""For the look at a schema itself: its patterns are those of `patterns`, and not of `re`."""


class BadSchema(ValueError):
    """The schema is none, or refers to something outside of it; the message says what."""


class _Errors(Protocol):
    def iter_errors(self, instance: Json) -> Iterator[ValidationError]: ...


def places(document: dict[str, Json], schema: Mapping[str, Any]) -> tuple[str, ...]:
    """JSON pointers (RFC 6901) of what does not satisfy the schema, sorted, at most 20. Raises `BadSchema`.

    What is required and absent is named itself, not the object that lacks it.
    """
    try:
        errors = list(islice(_validator(_canonical(schema)).iter_errors(document), _MAX_ERRORS))
    except (Unresolvable, BadPattern, RecursionError) as error:
        raise BadSchema(f"the schema cannot be used: {error}") from error
    return tuple(sorted({_pointer(error) for error in errors})[:MAX_PLACES])


def find_fault(schema: Mapping[str, Any]) -> str | None:
    """Why `schema` is no JSON schema (Draft 2020-12) that can be used here; `None` if it is one."""
    try:
        places({}, schema)
    except BadSchema as fault:
        return str(fault)
    return None


def _canonical(schema: Mapping[str, Any]) -> str:
    try:
        return json.dumps(schema, sort_keys=True, default=dict)
    except (TypeError, ValueError) as error:
        raise BadSchema(f"the schema is no JSON: {error}") from error


@lru_cache(maxsize=64)
def _validator(canonical: str) -> _Errors:
    schema = json.loads(canonical)
    try:
        Draft202012Validator.check_schema(schema, format_checker=OWN_PATTERNS)
    except SchemaError as error:
        where = "".join(f"/{part}" for part in error.absolute_path)
        raise BadSchema(f"the schema is none of JSON Schema 2020-12: {error.message} (at {where or '/'})") from error
    return cast(_Errors, _Validator(schema, registry=EMPTY_REGISTRY, format_checker=_FORMATS))


def _pointer(error: ValidationError) -> str:
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in error.absolute_path)
    return "/" + "/".join(parts)


def _pattern(validator: Any, pattern: str, instance: Json, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _finds(pattern, instance):
        yield ValidationError(f"{instance[:100]!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Json, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, subschema in patterns.items():
        for name, value in instance.items():
            if _finds(pattern, name):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _required(validator: Any, names: Any, instance: Json, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for name in names:
            if name not in instance:
                yield ValidationError(f"{name!r} is required", path=(name,))


def _finds(pattern: str, text: str) -> bool:
    try:
        return matches(pattern, text, whole=False)
    except SlowPattern:
        return False


@_FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or ("T" in value.upper() and datetime.fromisoformat(value).tzinfo is not None)


@_FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or not check(value, CheckRule(type="url"))


_Validator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": _pattern, "patternProperties": _pattern_properties, "required": _required},
)
