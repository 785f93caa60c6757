"""Answers as JSON, written directly: no response model is run over them, and a test holds them against the schemas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import Response

from tidemill.http.problems import Problem, ProblemError


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`body` as JSON: dataclasses, aware times (ISO 8601) and enumerations included."""
    return Response(json_bytes(body), status, headers, media_type="application/json")


async def require_json(request: Request) -> None:
    """A dependency of routes with a body: raises a 415 unless the request says that it is JSON."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        shown = media_type[:100].encode("ascii", "backslashreplace").decode() or "not named"
        detail = f"The body must be sent as application/json; its Content-Type is {shown}."
        raise ProblemError(Problem(415, "not_json", detail))


def json_bytes(body: Any) -> bytes:
    """`body` as JSON, in one line."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        # A site's structured data may hold an integer beyond 64 bits, which JSON knows and orjson does not.
        return json.dumps(body, ensure_ascii=True, separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> Any:
    """What orjson knows and the standard library does not."""
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return orjson.loads(orjson.dumps(value))
