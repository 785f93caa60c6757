"""Refuses request bodies above `api.max_request_bytes`: by their declared length at once, chunked ones as they come."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemill.http.problems import Problem, ProblemError
from tidemill.http.scopes import header


class BodyLimit:
    """`limit` is in bytes."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything else is passed on as it is."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = header(scope, b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > self._limit:
            raise self._too_large()
        received = 0

        async def receiving() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self._limit:
                    raise self._too_large()
            return message

        await self._app(scope, receiving, send)

    def _too_large(self) -> ProblemError:
        detail = f"The request body is larger than {self._limit} bytes (api.max_request_bytes)."
        return ProblemError(Problem(413, "body_too_large", detail))
