"""The published schema: it knows every field, takes what the reader takes, and refuses what the reader refuses.

The few words of JSON schema that ours is made of are checked by the little validator below, which knows no others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidemill.errors import Invalid
from tidemill.manage.source_fields import FIELDS
from tidemill.manage.source_mapping import read_mapping
from tidemill.manage.source_parts import EVERY, all_parts
from tidemill.manage.source_schema import field_table, schema_text, source_schema
from tidemill.models.source import SourceSpec

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples" / "sources").glob("*.yaml"))
SCHEMA = source_schema()
TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}
SAID = {"$schema", "$defs", "title", "description", "default"}
SOURCE = {"name": "a", "start": ["https://a.example/"]}


def faults(schema: dict[str, Any], value: Any) -> Iterator[str]:
    """What a validator would say."""
    for word, given in schema.items():
        match word:
            case "$ref":
                yield from faults(SCHEMA["$defs"][given.removeprefix("#/$defs/")], value)
            case "anyOf":
                if all(list(faults(each, value)) for each in given):
                    yield f"{value!r} is none of {given}"
            case "type":
                is_number = isinstance(value, bool) and given in ("integer", "number")
                if is_number or not isinstance(value, TYPES[given]):
                    yield f"{value!r} is no {given}"
            case "enum" if value not in given:
                yield f"{value!r} is not in {given}"
            case "minimum" if isinstance(value, int | float) and value < given:
                yield f"{value} < {given}"
            case "maximum" if isinstance(value, int | float) and value > given:
                yield f"{value} > {given}"
            case "minItems" | "minLength" if isinstance(value, list | str) and len(value) < given:
                yield f"{value!r} is too short"
            case "required" if isinstance(value, dict):
                yield from (f"{name} is missing" for name in given if name not in value)
            case "items" if isinstance(value, list):
                for each in value:
                    yield from faults(given, each)
            case "properties" if isinstance(value, dict):
                for name, inner in given.items():
                    yield from faults(inner, value[name]) if name in value else ()
            case "additionalProperties" if isinstance(value, dict):
                more = [each for name, each in value.items() if name not in schema.get("properties", {})]
                yield from ("unknown field" for each in more if given is False)
                for each in more if given is not False else ():
                    yield from faults(given, each)
            case _:
                known = {"enum", "minimum", "maximum", "minItems", "minLength", "required", "items", "properties"}
                assert word in SAID | known | {"additionalProperties"}, f"this validator does not know {word!r}"


def reads(value: Any) -> bool:
    """Whether the reader takes it."""
    try:
        read_mapping(value)
    except Invalid:
        return False
    return True


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_valid_both_ways(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        assert reads(document)
        assert list(faults(SCHEMA, document)) == []


WRONG: dict[str, list[Any]] = {
    "string": [7, None, ["x"], {"x": 1}],
    "integer": ["7", 1.5, True, [1]],
    "number": ["7", True, [1]],
    "boolean": ["yes", 1, None],
    "array": ["x", 7, {"x": 1}, [7], [None]],
    "object": ["x", 7, ["x"], {"x": 7}],
    "free object": ["x", 7, ["x"]],
}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A part instead of what refers to it, be it optional or one of two ways to write it."""
    refers = next((each for each in (schema, *schema.get("anyOf", ())) if "$ref" in each), None)
    return SCHEMA["$defs"][refers["$ref"].rpartition("/")[2]] if refers else schema


def leaves() -> Iterator[tuple[str, str]]:
    """Every field that holds no others and is of one type, with that."""
    for name in FIELDS:
        part: Any = SCHEMA
        for step in name.split("."):
            part = resolved(part)
            part = part["additionalProperties"] if step == EVERY else part["properties"][step]
        types = [each["type"] for each in (part, *part.get("anyOf", ())) if each.get("type", "null") != "null"]
        if resolved(part) is part and len(types) == 1:
            yield name, "free object" if part.get("additionalProperties") is True else types[0]


def nested(name: str, value: Any) -> dict[str, Any]:
    """A source with this value in a field, and with what must stand beside it."""
    given: Any = value
    steps = name.split(".")
    for at, step in reversed(list(enumerate(steps))):
        given = BESIDE.get(".".join(steps[:at]), {}) | {"x" if step == EVERY else step: given}
        given |= {"xpath": "p"} if given == {"css": None} else {}
        given |= {"fields": {"x": "p"}} if step == "items" and at == 1 else {}
    return {**SOURCE, **given}


BESIDE: dict[str, dict[str, Any]] = {
    "process.fields.*": {"css": "p"},
    "process.items": {"css": "li"},
    "process.checks.*": {"one_of": ["x"]},
}
"""What a part needs to be one, if the field that is looked at does not give it."""


@pytest.mark.parametrize(("name", "kind"), list(leaves()))
def test_values_of_a_wrong_type_are_refused_both_ways(name: str, kind: str) -> None:
    for value in WRONG[kind]:
        given = nested(name, value)
        optional = value is None and "null" in json.dumps(given) and not list(faults(SCHEMA, given))
        assert optional or (list(faults(SCHEMA, given)) and not reads(given)), f"{name}: {value!r}"
        assert not optional or reads(given), f"{name} may be left empty, says the schema, and the reader does not"


@pytest.mark.parametrize("name", [name for name, about in FIELDS.items() if about.least is not None])
def test_bounds_are_the_same_both_ways(name: str) -> None:
    about = FIELDS[name]
    assert about.least is not None
    assert about.most is not None
    for value in (int(about.least) - 1, int(about.most) + 1):
        assert list(faults(SCHEMA, nested(name, value)))
        assert not reads(nested(name, value))
    assert list(faults(SCHEMA, nested(name, int(about.most)))) == []


@pytest.mark.parametrize("place", ["", *(prefix for prefix, _ in all_parts(SourceSpec))])
def test_unknown_fields_are_refused_both_ways(place: str) -> None:
    given = nested(f"{place}unheard_of", 1)
    assert list(faults(SCHEMA, given))
    with pytest.raises(Invalid, match="unknown field 'unheard_of'"):
        read_mapping(given)


@pytest.mark.parametrize("given", [{}, {"name": "a"}, {"start": ["http://a/"]}, {"name": "a", "start": []}])
def test_what_is_needed_is_needed_both_ways(given: dict[str, Any]) -> None:
    assert list(faults(SCHEMA, given))
    assert not reads(given)


def test_every_field_is_described_once_and_no_other() -> None:
    names = [field.name for field in fields(SourceSpec)]
    names += [f"{prefix}{field.name}" for prefix, model in all_parts(SourceSpec) for field in fields(model)]
    assert sorted(FIELDS) == sorted(names)
    assert {"process.", "process.items.", "process.fields.*.", "process.llm."} <= {
        at for at, _ in all_parts(SourceSpec)
    }
    assert all(part["additionalProperties"] is False for part in (SCHEMA, *SCHEMA["$defs"].values()))


def test_the_schema_says_which_draft_it_is_and_reads_as_json() -> None:
    assert json.loads(schema_text()) == SCHEMA
    assert SCHEMA["$schema"].endswith("/draft/2020-12/schema")


def test_the_reference_page_holds_the_same_table() -> None:
    assert field_table() in (ROOT / "docs" / "reference" / "sources.md").read_text(encoding="utf-8")
