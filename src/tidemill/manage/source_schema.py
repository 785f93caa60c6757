"""The JSON schema of a source (draft 2020-12), and the table of fields on the reference page.

In: the dataclasses and what `source_fields` says of each field. Out: the schema that `tidemill sources schema` prints
and `make docs` writes. What it cannot say (URLs, secrets, what goes with which kind) the rules say.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter

from tidemill.manage.source_fields import FIELDS, About
from tidemill.manage.source_parts import all_parts
from tidemill.models.source import SourceSpec

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def source_schema(ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
    """The schema. `ref_template` says how one part refers to another; the parts stand below `$defs`."""
    made = TypeAdapter(SourceSpec).json_schema(ref_template=ref_template)
    parts: dict[str, Any] = made.pop("$defs")
    title = "A source of Tidemill"
    schema = {"$schema": _DIALECT, **made, "title": title, "required": ["name", "start"]}
    _complete(schema, SourceSpec, "")
    del schema["properties"]["start"]["default"]
    schema["properties"]["start"] |= {"minItems": 1}
    schema["properties"]["name"] |= {"minLength": 1}
    for prefix, model in all_parts(SourceSpec):
        _complete(parts[model.__name__], model, prefix)
    _allow_short_rules(parts["ProcessRules"]["properties"]["fields"])
    return schema | {"$defs": parts}


def schema_text() -> str:
    """The schema as it is printed and published."""
    return json.dumps(source_schema(), indent=2, ensure_ascii=False) + "\n"


def field_table() -> str:
    """The fields as the rows of a table in Markdown."""
    rows = (f"| `{name}` | {about.default} | {about.says} |" for name, about in FIELDS.items())
    return "\n".join(("| Field | Default | What it does |", "|---|---|---|", *rows)) + "\n"


def _complete(schema: dict[str, Any], model: type, prefix: str) -> None:
    """Close a part, and say of each of its fields what pydantic does not know."""
    schema["additionalProperties"] = False
    schema["description"] = " ".join((model.__doc__ or "").split())
    for field in fields(model):
        about = FIELDS[prefix + field.name]
        found: dict[str, Any] = schema["properties"][field.name]
        found.pop("title", None)
        found["description"] = _LINK.sub(r"\1", about.says)
        _bound(found, about)


def _allow_short_rules(schema: dict[str, Any]) -> None:
    """A text stands for a rule with nothing but a selector."""
    schema["additionalProperties"] = {"anyOf": [{"type": "string"}, schema["additionalProperties"]]}


def _bound(schema: dict[str, Any], about: About) -> None:
    if about.choices:
        texts = next(each for each in (schema, *schema.get("anyOf", ())) if each.get("type") == "string")
        texts["enum"] = list(about.choices)
    if about.least is None:
        return
    numeric = next(each for each in (schema, *schema.get("anyOf", ())) if each.get("type") in {"integer", "number"})
    numeric |= {"minimum": _whole(about.least), "maximum": _whole(about.most)}


def _whole(bound: float | None) -> float | int | None:
    return int(bound) if bound is not None and float(bound).is_integer() else bound
