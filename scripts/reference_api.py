"""The page of the HTTP API's routes: made from the OpenAPI document that the server itself serves.

In: the routes. Out: Markdown. Called by `write_reference`, and by the test that compares the two.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tidemill.api.main import create_api
from tidemill.app import open_app
from tidemill.settings import load_settings

_INTRODUCTION = """\
# HTTP API

<!-- Written by `make docs` from the code; edit src/tidemill/api/ instead. -->

```console
$ tidemill serve --port 8000
$ curl 'http://127.0.0.1:8000/api/v1/search?q=comet&limit=1'
```

`tidemill serve` answers; `tidemill up` answers and also crawls what is started through the API. The same document for
machines is served under `/api/openapi.json`, and shown as a page under `/api/docs` (unless `api.docs` is off). How to
use it is in [Serve the API](../howto/serve.md): keys, problems, what a caller may do. What all routes have in common is
in [Use the API well](../howto/api-conventions.md): pages, `Idempotency-Key`, `ETag`, versions, what is deprecated.

Every answer bears an `X-Request-ID`, the caller's own if it sent a harmless one. Every error is a problem document
(RFC 9457, `application/problem+json`) with `type`, `title`, `status`, `detail` and `request_id`; the last part of
`type` (`urn:tidemill:problem:no_such_run`) never changes its meaning.
"""


def render_api() -> str:
    """The whole page."""
    document = asyncio.run(_openapi())
    parts = [_INTRODUCTION, "\n| Route | What it does | Key |\n|---|---|---|\n"]
    operations = list(_operations(document))
    for method, path, operation in operations:
        key = "needed" if operation["security"] else "never"
        parts.append(f"| [`{method} {path}`](#{operation['operationId']}) | {_first(operation)} | {key} |\n")
    parts += ["\nA server that listens on loopback asks nobody for a key.\n"]
    for method, path, operation in operations:
        parts += _section(method, path, operation, document)
    parts += ["\n## Shapes\n"]
    for name in _inner(document):
        parts += _schema(f"`{name}`", {"$ref": f"#/{name}"}, document)
    return "".join(parts)


def _inner(document: dict[str, Any]) -> list[str]:
    """The schemas with fields that bodies and answers refer to, by name."""
    schemas, wanted = document["components"]["schemas"], {"ProblemDocument"}
    for name, schema in schemas.items():
        if name == "HTTPValidationError":  # FastAPI declares it; our answers are problem documents
            continue
        wanted |= set(re.findall(r"#/components/schemas/(\w+)", json.dumps(schema.get("properties", {})))) - {name}
    return sorted(name for name in wanted if schemas[name].get("properties"))


async def _openapi() -> dict[str, Any]:
    """The document, asked of an app over an empty folder as any client would ask it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings({"data_dir": Path(folder)}, environ={}, directory=Path(folder))
        async with open_app(settings) as app:
            document: dict[str, Any] = await _get(create_api(app, host="127.0.0.1"), "/api/openapi.json")
            return document


async def _get(application: Any, path: str) -> Any:
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, send)
    return json.loads(b"".join(message.get("body", b"") for message in sent))


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _section(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    yield f"\n## {method} {path} {{#{operation['operationId']}}}\n\n{_about(operation)}\n"
    parameters = operation.get("parameters", [])
    if parameters:
        yield "\n| Parameter | In | Type | What it means |\n|---|---|---|---|\n"
    for each in parameters:
        required = ", required" if each.get("required") and each["in"] != "path" else ""
        about = _cell(each.get("description", ""))
        yield f"| `{each['name']}` | {each['in']}{required} | {_type(each['schema'])} | {about} |\n"
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        yield from _schema("Body", body["schema"], document)
        given = _resolve(body["schema"], document)
        if "password" not in json.dumps(given["properties"]):  # which no page shows
            yield f"\n```json\n{json.dumps(given['examples'][0], ensure_ascii=False)}\n```\n"
    for status, answer in operation["responses"].items():
        content = answer.get("content", {}).get("application/json")
        if status.startswith("2") and content:
            yield from _schema(f"Answer {status}", content["schema"], document)
    yield f"\nStatuses: {', '.join(sorted(operation['responses']))}.\n"


def _schema(name: str, schema: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    resolved = _resolve(schema, document)
    if not resolved.get("properties"):
        return
    yield f"\n| {name} | Type | What it means |\n|---|---|---|\n"
    for field, value in resolved.get("properties", {}).items():
        yield f"| `{field}` | {_type(value)} | {_cell(value.get('description', ''))} |\n"


def _resolve(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(each) for each in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return "time" if schema.get("format") == "date-time" else str(schema.get("type", "any"))


def _first(operation: dict[str, Any]) -> str:
    return _cell(_about(operation).partition(". ")[0].rstrip("."))


def _about(operation: dict[str, Any]) -> str:
    return " ".join(str(operation.get("description", operation.get("summary", ""))).split())


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
