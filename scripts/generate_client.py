"""A typed client in one file: `python -m scripts.generate_client openapi.json client.py`.

In: the document, as `/api/openapi.json` gives it. Out: Python that needs the standard library alone and that
`mypy --strict` accepts: a TypedDict for each schema, a method for each operation, an error that holds the problem.
"""

from __future__ import annotations

import json
import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_RUNTIME = Path(__file__).with_name("client_runtime.py")
_CLIENT = '\n\nclass Client(Caller):\n    """Every operation of the API."""\n'
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def generate(document: dict[str, Any]) -> str:
    """The client's source."""
    schemas = document["components"]["schemas"]
    parts = [_RUNTIME.read_text(encoding="utf-8"), "\n"]
    parts += [f"\n{_name(name)} = {_type(schema)}\n" for name, schema in schemas.items() if "properties" not in schema]
    parts += [_typed_dict(name, schema) for name, schema in schemas.items() if "properties" in schema]
    parts += [_CLIENT, *(f"\n{each}" for each in _methods(document))]
    return "".join(parts)


def _typed_dict(name: str, schema: dict[str, Any]) -> str:
    needed = set(schema.get("required", ()))
    members = [
        f"        {member!r}: {json.dumps(kind if member in needed else f'NotRequired[{kind}]')},\n"
        for member, kind in ((member, _type(inner)) for member, inner in schema["properties"].items())
    ]
    return f"\n{_name(name)} = TypedDict(\n    {_name(name)!r},\n    {{\n{''.join(members)}    }},\n)\n"


def _methods(document: dict[str, Any]) -> Iterator[str]:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield _method(verb.upper(), path, operation)


def _method(verb: str, path: str, operation: dict[str, Any]) -> str:
    by_place: dict[str, list[dict[str, Any]]] = {"path": [], "query": [], "header": []}
    for parameter in operation.get("parameters", ()):
        by_place[parameter["in"]].append(parameter)
    signature = ["self", *(f"{_name(each['name'])}: {_type(each['schema'])}" for each in by_place["path"])]
    kind, body = _body(operation)
    signature += [f"body: {body}"] if body else []
    optional = [(_name(each["name"]), _type(each["schema"])) for each in by_place["query"] + by_place["header"]]
    signature += ["*"] if optional else []
    signature += [f"{name}: {made if 'None' in made else f'{made} | None'} = None" for name, made in optional]
    query, headers = (
        "{" + ", ".join(f"{each['name']!r}: {_name(each['name'])}" for each in by_place[place]) + "}"
        for place in ("query", "header")
    )
    for each in by_place["path"]:
        path = path.replace("{" + each["name"] + "}", "{quote(str(" + _name(each["name"]) + "))}")
    given = f'"{verb}", f"{path}", {query}, {headers}, {kind!r}, {"body" if body else "None"}'
    told = operation["summary"].replace('"', "'")
    answer = _answer(operation)
    return (
        f"    def {operation['operationId']}({', '.join(signature)}) -> {answer}:\n"
        f'        """{told}."""\n        return cast({answer!r}, self._ask({given}))\n'
    )


def _body(operation: dict[str, Any]) -> tuple[str, str]:
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        return kind, _type(content["schema"]) if kind.endswith("json") else "dict[str, str]"
    return "application/json", ""


def _answer(operation: dict[str, Any]) -> str:
    found = []
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            kinds = response.get("content", {})
            made = [_type(content.get("schema", {})) if "json" in kind else "str" for kind, content in kinds.items()]
            found += made or ["None"]
    return " | ".join(dict.fromkeys(found)) or "None"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _name(schema["$ref"].rpartition("/")[2])
    if "const" in schema or "enum" in schema:
        return f"Literal[{', '.join(repr(each) for each in schema.get('enum', [schema.get('const')]))}]"
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " | ".join(dict.fromkeys(_type(each) for each in schema[union]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_type({**schema, "type": each}) for each in kind)
    if kind == "array":
        return f"list[{_type(schema.get('items', {}))}]"
    if kind == "object":
        more = schema.get("additionalProperties")
        return f"dict[str, {_type(more) if isinstance(more, dict) else 'Any'}]"
    return _PLAIN.get(str(kind), "Any")


def _name(name: str) -> str:
    made = re.sub(r"\W", "_", name if re.match("[A-Z][a-z]+[A-Z]|[A-Z][a-z]+$", name) else name.lower())
    return f"{made}_" if keyword.iskeyword(made) else made


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(generate(json.loads(Path(sys.argv[1]).read_bytes())), encoding="utf-8")
