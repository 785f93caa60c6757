"""Writes down every request that was denied, many in one transaction, before the denial is answered.

One transaction is under way at a time: however many strangers knock, the database is not asked more often for it. What
is beyond a batch's share is summed up in one line.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from tidemill.errors import TidemillError
from tidemill.models.account import Caller
from tidemill.models.audit import Note
from tidemill.store import audit
from tidemill.store.engine import Store
from tidemill.telemetry.logs import get_logger

_MOST_LINES = 500
_WAIT_S = 2.0
_log = get_logger(__name__)


@dataclass(slots=True)
class _Batch:
    lines: list[tuple[Caller, Note]] = field(default_factory=list)
    beyond: int = 0
    is_over: asyncio.Event = field(default_factory=asyncio.Event)


class Denials:
    """The lines of one process that wait to be written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting = _Batch()
        self._writing: asyncio.Task[None] | None = None

    async def note(self, by: Caller, method: str, path: str, status: int, reason: str) -> None:
        """Have a denial written; waits for it, but not for long for a database that does not answer."""
        batch = self._waiting
        if len(batch.lines) < _MOST_LINES:
            detail = {"method": method, "status": status, "reason": reason}
            batch.lines.append((by, Note("request.denied", path, detail)))
        else:
            batch.beyond += 1
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all(), name="denied requests")
        try:
            async with asyncio.timeout(_WAIT_S):
                await batch.is_over.wait()
        except TimeoutError:
            return  # it is written later, or its failure logged

    async def _write_all(self) -> None:
        try:
            while self._waiting.lines:
                batch, self._waiting = self._waiting, _Batch()
                await self._write(batch)
                batch.is_over.set()
        finally:
            self._writing = None

    async def _write(self, batch: _Batch) -> None:
        if batch.beyond:
            batch.lines.append((batch.lines[-1][0], Note("request.denied", None, {"more": batch.beyond})))
        try:
            await audit.record(self._store, batch.lines)
        except TidemillError as error:  # the log of the process is the second best place
            _log.warning("denied requests not written", action="audit.unwritten", reason=error.reason, error=str(error))
            for by, note in batch.lines:
                about = {f"denied_{name}": value for name, value in note.detail.items()}
                _log.warning(
                    "request denied",
                    action="http.denied",
                    caller=by.name,
                    address=by.address,
                    path=note.target,
                    **about,
                )
