"""A typed client of an HTTP API. Made from its OpenAPI document; do not edit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict, cast  # noqa: F401 - for what is made
from urllib.error import HTTPError
from urllib.parse import quote, urlencode  # noqa: F401 - for what is made
from urllib.request import Request, urlopen


class ApiError(Exception):
    """An answer that is an error. `problem` is its problem document, as far as it has one."""

    def __init__(self, status: int, problem: dict[str, Any], headers: Mapping[str, str]) -> None:
        super().__init__(f"{status}: {problem.get('detail', problem)}")
        self.status, self.problem, self.headers = status, problem, headers


class Caller:
    """Sends requests. `headers` go with each: `{"X-API-Key": …}`."""

    def __init__(self, base_url: str, headers: Mapping[str, str] | None = None, timeout_s: float = 30.0) -> None:
        self._base_url, self._headers, self._timeout_s = base_url.rstrip("/"), dict(headers or {}), timeout_s

    def _ask(
        self, method: str, path: str, query: Mapping[str, Any], headers: Mapping[str, str | None], kind: str, body: Any
    ) -> Any:
        given = {name: _text(value) for name, value in query.items() if value is not None}
        sent = {**self._headers, **{name: value for name, value in headers.items() if value is not None}}
        data = None
        if body is not None:
            sent["Content-Type"] = kind
            data = (json.dumps(body) if kind.endswith("json") else urlencode(body)).encode()
        url = f"{self._base_url}{path}" + (f"?{urlencode(given, doseq=True)}" if given else "")
        try:
            with urlopen(Request(url, data, sent, method=method), timeout=self._timeout_s) as answer:
                return _read(answer.read(), answer.headers.get("Content-Type", ""))
        except HTTPError as error:
            with error:
                told = _read(error.read(), error.headers.get("Content-Type", ""))
            problem = told if isinstance(told, dict) else {"detail": told}
            raise ApiError(error.code, problem, dict(error.headers.items())) from None


def _read(body: bytes, media_type: str) -> Any:
    return json.loads(body) if "json" in media_type else body.decode() or None


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return [_text(each) for each in value]
    return str(value).lower() if isinstance(value, bool) else value
