"""Reading for a request: from a standby that will do, else from the primary. Called by routes that read documents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request

from tidemill.app import App
from tidemill.http.own_writes import written_by
from tidemill.store.engine import Store

T = TypeVar("T")


async def read(app: App, request: Request, ask: Callable[[Store], Awaitable[T]]) -> T:
    """What `ask` finds, in which nothing is lacking that the caller has written. Raises what `ask` raises."""
    return await app.replicas.read(ask, written_by(request.scope))
