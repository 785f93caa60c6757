"""Writes into the audit log what anybody can cause: requests that are denied, logins that are refused.

In: notes. Out: lines, many in one transaction, and only so many in a time, since nothing takes them out of the log
again; what is beyond is counted, and summed up in a line. Called by `manage.logins` and the layers of HTTP.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from tidemill.errors import TidemillError
from tidemill.models.account import STRANGER, Caller
from tidemill.models.audit import Note
from tidemill.store import audit
from tidemill.store.engine import Store
from tidemill.telemetry.logs import get_logger

_BURST = 500
_PER_S = 10.0
_SUM_EVERY_S = 1.0
_WAIT_S = 2.0
_log = get_logger(__name__)


@dataclass(slots=True)
class _Batch:
    lines: list[tuple[Caller, Note]] = field(default_factory=list)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Allowance:
    """A bucket of lines that fills up again."""

    left: float
    at: float

    def take(self, now: float) -> bool:
        self.left, self.at = min(float(_BURST), self.left + (now - self.at) * _PER_S), now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class AuditWriter:
    """The lines of one process that wait to be written. One transaction is under way at a time.

    Requests and logins, of strangers and of callers who are known, have their shares apart: nobody hides what others do
    by knocking a thousand times.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._clock = clock
        self._allowed: dict[tuple[str, bool], _Allowance] = {}
        self._waiting = _Batch()
        self._beyond: Counter[str] = Counter()
        self._summing: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    async def note(self, by: Caller, note: Note) -> None:
        """Have it written; waits for it, but not for long for a database that does not answer."""
        if not self._allowance(by, note).take(self._clock()):
            self._beyond[note.action] += 1
            if self._summing is None:
                self._summing = asyncio.get_running_loop().call_later(_SUM_EVERY_S, self._sum_up)
            return
        batch = self._waiting
        batch.lines.append((by, note))
        self._write_soon()
        try:
            async with asyncio.timeout(_WAIT_S):
                await batch.is_over.wait()
        except TimeoutError:
            return  # it is written later, or its failure logged

    async def close(self) -> None:
        """Write what is left."""
        if self._summing is not None:
            self._summing.cancel()
        self._sum_up()
        if self._writing is not None:
            await self._writing

    def _allowance(self, by: Caller, note: Note) -> _Allowance:
        kind = (note.action.partition(".")[0], by.name == STRANGER.name)
        return self._allowed.setdefault(kind, _Allowance(_BURST, self._clock()))

    def _sum_up(self) -> None:
        counted, self._beyond, self._summing = self._beyond, Counter(), None
        self._waiting.lines += [(STRANGER, Note(action, None, {"more": more})) for action, more in counted.items()]
        if counted:
            self._write_soon()

    def _write_soon(self) -> None:
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all(), name="audit log")

    async def _write_all(self) -> None:
        try:
            while self._waiting.lines:
                batch, self._waiting = self._waiting, _Batch()
                try:
                    await self._write(batch.lines)
                finally:
                    batch.is_over.set()
        finally:
            self._writing = None

    async def _write(self, lines: list[tuple[Caller, Note]]) -> None:
        try:
            await audit.record(self._store, lines)
        except TidemillError as error:  # the log of the process is the second best place
            _log.warning("audit lines not written", action="audit.unwritten", reason=error.reason, error=str(error))
            for by, note in lines:
                about = {f"noted_{name}": value for name, value in note.detail.items()}
                _log.warning(
                    "not in the audit log",
                    action=note.action,
                    caller=by.name,
                    address=by.address,
                    target=note.target,
                    **about,
                )
