"""Answers every error of the layers below with a problem document; nothing unknown leaks, all of it is logged."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemill.http.answers import log_error, send_problem
from tidemill.http.problems import problem_of


class Errors:
    """The layer after which no error is left, except one in the middle of an answer: that connection must break."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything else is passed on as it is."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_begun = is_complete = False

        async def sending(message: Message) -> None:
            nonlocal is_begun, is_complete
            is_begun = True
            is_complete = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            if is_complete:
                return  # FastAPI has answered and logged an unknown error and raises it again
            if is_begun:
                raise
            problem = problem_of(error)
            log_error(scope, error, problem)
            await send_problem(scope, send, problem)
