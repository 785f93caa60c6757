"""Gives each request an identifier: the caller's if it is harmless, a new one if not. It is in the answer and in every
log record of the request."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemill.http.scopes import header, state
from tidemill.models.ids import new_id
from tidemill.telemetry.logs import bind

_HARMLESS = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestId:
    """The outermost layer that a caller can see."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything else is passed on as it is."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = header(scope, b"x-request-id") or ""
        chosen = given if _HARMLESS.fullmatch(given) else new_id()
        state(scope)["request_id"] = chosen
        line = (b"x-request-id", chosen.encode())

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), line]
            await send(message)

        with bind(request_id=chosen):
            await self._app(scope, receive, sending)
