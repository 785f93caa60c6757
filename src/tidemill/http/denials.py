"""Writes down every request that was denied before the denial is answered, as far as `AuditWriter` lets strangers.

In: who was denied what, and why. Out: notes for the audit log. Called by `auth.py`; `DeniedAtTheDoor` stands around the
layer of hosts, which denies before anybody has been asked who they are.
"""

from __future__ import annotations

from dataclasses import replace

from starlette.types import ASGIApp, Receive, Scope, Send

from tidemill.http.problems import ProblemError
from tidemill.http.scopes import client_address, request_id, state
from tidemill.manage.audit_writer import AuditWriter
from tidemill.models.account import STRANGER, Caller
from tidemill.models.audit import Note

_LONGEST_METHOD = 16
_AT_THE_DOOR = (403, 421)


class Denials:
    """Makes notes of denials."""

    def __init__(self, writer: AuditWriter) -> None:
        self._writer = writer

    async def note(self, by: Caller, method: str, path: str, status: int, reason: str) -> None:
        """Have a denial written; waits for it, but not for long for a database that does not answer."""
        detail = {"method": method[:_LONGEST_METHOD], "status": status, "reason": reason}
        await self._writer.note(by, Note("request.denied", path, detail))


class DeniedAtTheDoor:
    """Notes what is denied inside before anybody is known: for the name that was asked for, or the page that asks."""

    def __init__(self, app: ASGIApp, denials: Denials) -> None:
        self._app = app
        self._denials = denials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; every error goes on to the layer outside."""
        try:
            await self._app(scope, receive, send)
        except ProblemError as error:
            problem = error.problem
            if problem.status in _AT_THE_DOOR and "caller" not in state(scope):
                who = replace(STRANGER, request_id=request_id(scope), address=client_address(scope))
                await self._denials.note(who, scope.get("method", "GET"), scope["path"], problem.status, problem.reason)
            raise
