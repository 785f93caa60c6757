"""The indexer: tails the document changes of the store by cursor and writes them to the engine in batches.

It stands off the write path: whoever stores documents may `notify` it and never waits for it; whoever needs them
searchable asks `catch_up`. Several processes may run one; the one that gets the engine's lock writes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from tidemill.errors import NoSpace, TidemillError, Transient
from tidemill.models.document import Document, DocumentState
from tidemill.search.base import Position, SearchEngine
from tidemill.settings.tree import SearchSettings
from tidemill.telemetry.logs import get_logger
from tidemill.telemetry.metrics import Metrics
from tidemill.telemetry.steps import reached

_log = get_logger(__name__)

POLL_S = 0.05
LONGEST_RETRY_S = 30.0
LONGEST_TURN_S = 5.0
"""While there is more to write, a commit may wait so long: each costs a rewriting of what it wrote later."""

WORTH_A_COMMIT = 256
"""Changes from which on a commit of their own, and merging it later, costs less than a tenth of indexing them."""


class Changes(Protocol):
    """What the indexer asks of the store."""

    async def changes_after(self, event_id: int, limit: int) -> list[tuple[int, str]]:
        """The next changes of documents as (event id, document id), ascending."""
        ...

    async def documents_by_ids(self, ids: Sequence[str]) -> list[Document]:
        """The documents as they stand, in any state, with what an engine reads of them; unknown ids are left out."""
        ...

    async def head(self) -> int:
        """The last event about a document, also if it was let go; nothing smaller will be committed any more."""
        ...

    async def floor(self) -> int:
        """Up to this event (at most `head`) old changes may have been let go: who has not seen it must begin anew."""
        ...

    async def epoch(self) -> str:
        """What changes when the database is restored or replaced."""
        ...

    async def ask_rebuild(self) -> int:
        """Ask whoever writes an index to build it anew; gives the number of this request, one more than the last."""
        ...

    async def rebuild_asked(self) -> int:
        """The last request to build every index anew, 0 if there was none. Each index knows which one it fulfilled."""
        ...


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is written at once. `full`: there is more."""

    upserts: tuple[Document, ...]
    deletions: tuple[str, ...]
    position: Position
    full: bool


class Indexer:
    """Keeps `engine` up to date with `changes`. `settings` gives the batch size and the longest wait."""

    def __init__(self, changes: Changes, engine: SearchEngine, settings: SearchSettings, metrics: Metrics) -> None:
        self._changes = changes
        self._metrics = metrics
        self._engine = engine
        self._settings = settings
        self._turn = asyncio.Lock()
        self._woken = asyncio.Event()
        self._begins_anew = False

    def notify(self) -> None:
        """Say that documents have changed: a full batch of changes is written at once, fewer within the interval."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Write changes until `stop` is set. What the engine cannot do now is tried again, ever less often.

        What it will not do at all is tried again, too: other documents may be all that it needs, and who ran this would
        run it again.
        """
        failures = 0
        while not stop.is_set():
            try:
                more = await self._write_batch(stop)
                failures = 0
                if not more:
                    await self._rest(stop, None)
            except (Transient, NoSpace) as error:
                failures += 1
                _log.warning("indexing failed", action="index.retry", reason=error.reason, error=str(error))
                await self._rest(stop, min(self._settings.commit_interval_s * 2**failures, LONGEST_RETRY_S))
            except TidemillError as error:
                _log.error("the engine refuses", action="index.refusing", reason=error.reason, error=str(error))
                await self._rest(stop, LONGEST_RETRY_S)

    async def keep_pace(self, stop: asyncio.Event) -> None:
        """Write while others work, until `stop` is set: whenever so much waits that a commit costs little.

        For who works off a backlog and then catches up: half of what would be left to do at the end is done by then.
        """
        while not stop.is_set():
            if await _first_of(stop, self._woken, LONGEST_RETRY_S):
                self._woken.clear()
                try:
                    if await self.lag() >= min(self._settings.batch_size, WORTH_A_COMMIT):
                        await self._write_batch(stop)
                except TidemillError as error:  # who catches up at the end meets it again
                    _log.warning("indexing failed", action="index.retry", reason=error.reason, error=str(error))

    async def catch_up(self, until: int) -> None:
        """Return when every change up to event `until` is searchable, whoever writes it.

        Writes at once if this process can. Raises `Transient` if the engine cannot; has no time limit of its own.
        """
        while not await self._reached(until):
            if not await self._write_batch():
                if await self._reached(until):
                    return
                await asyncio.sleep(POLL_S)

    async def rebuild(self, most_s: float | None = None) -> None:
        """Build the index anew beside the one that is searched; return when the new one has taken its place.

        Whichever process writes the index does it; this one if it can. Raises `Transient` if the engine cannot, or if
        nobody has done it in `most_s` seconds; the request stands until somebody does. Other indexes of the same
        changes (of other machines, the one that answers in its place) are built anew by those who write them.
        """
        request, head = await self._changes.ask_rebuild(), await self._changes.head()
        until = time.monotonic() + most_s if most_s is not None else None
        while not await self._is_rebuilt(request, head):
            await self._write_batch()
            if not await self._is_rebuilt(request, head):
                if until is not None and time.monotonic() > until:
                    raise Transient(
                        "no process has built the search index anew yet; see that one that writes it (`tidemill up`,"
                        " `serve` or `indexer`) runs",
                        reason="index_locked",
                    )
                await asyncio.sleep(POLL_S)

    async def lag(self) -> int:
        """How many events the index is behind (0: none; all of them if it is of another epoch)."""
        head, position = await self._changes.head(), await self._engine.position()
        if position is None or position.epoch != await self._changes.epoch():
            return head
        return max(0, head - position.event_id)

    async def _reached(self, until: int) -> bool:
        position = await self._engine.position()
        if position is None or position.event_id < until:
            return False
        return position.epoch == await self._changes.epoch()

    async def _is_rebuilt(self, request: int, head: int) -> bool:
        """Whether the index fulfilled this request or a later one; one of before the database was restored is none."""
        position = await self._engine.position()
        fulfilled = position.rebuilt if position is not None else 0
        return request <= fulfilled <= await self._changes.rebuild_asked() and await self._reached(head)

    async def _write_batch(self, stop: asyncio.Event | None = None) -> bool:
        """Write the next changes if this process holds the lock or can get it; says whether there is probably more.

        Of a backlog it takes batch after batch for some seconds, or until `stop`.
        """
        async with self._turn:
            if not self._engine.writable and not await self._engine.try_lock():
                return False
            begun, position = await self._begun()
            batch = await self._next(position)
            if batch.position != begun:
                reached("index.read")
                batch = await self._write_on(batch, stop)
            return batch.full

    async def _write_on(self, batch: _Batch, stop: asyncio.Event | None = None) -> _Batch:
        """Write `batch` and what follows it, each while the next one is read; gives the last one written."""
        until = time.monotonic() + LONGEST_TURN_S
        while batch.full and time.monotonic() < until and not (stop and stop.is_set()):
            reading = asyncio.create_task(self._next(batch.position))
            try:
                await self._apply(batch, more=True)
                batch = await reading
            except BaseException:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
                raise
        await self._apply(batch, more=False)
        return batch

    async def _apply(self, batch: _Batch, *, more: bool) -> None:
        started = time.perf_counter()
        await self._engine.apply(batch.upserts, batch.deletions, batch.position, more=more)
        written = len(batch.upserts) + len(batch.deletions)
        self._metrics.observe_index(seconds=time.perf_counter() - started, documents=written)

    async def _begun(self) -> tuple[Position, Position]:
        """Where the index stands, and what to go on from.

        It is built anew first if somebody asked for that, or if removals may have been forgotten since it last went on.
        One that is being built for the first time is below the floor, too, until it has passed it: it is left to it.
        """
        epoch = await self._changes.epoch()
        position = await self._engine.begin(epoch)
        request, floor = await self._changes.rebuild_asked(), await self._changes.floor()
        is_asked = request not in (0, position.rebuilt)
        if not position.event_id:
            self._begins_anew = floor > 0
            return position, replace(position, rebuilt=request)
        if position.event_id < floor and not self._begins_anew:
            _log.warning("the index slept longer than events are kept; it is built anew", action="index.overslept")
            is_asked = True
        if is_asked:
            position = await self._built_anew(epoch, request)
        self._begins_anew = position.event_id < floor
        return position, position

    async def _built_anew(self, epoch: str, request: int) -> Position:
        """Write all documents to a new index, then let it take the place of the old one, which answers until then."""
        position, full = replace(await self._engine.rebuild(epoch), rebuilt=request), True
        while full:
            batch = await self._write_on(await self._next(position))
            position, full = batch.position, batch.full
        await self._engine.publish()
        _log.info("the search index was built anew", action="index.rebuilt", event_id=position.event_id)
        return position

    async def _next(self, position: Position) -> _Batch:
        head = await self._changes.head()  # asked first: every change up to it is seen below
        limit = self._settings.batch_size
        changes = await self._changes.changes_after(position.event_id, limit + 1)
        full = len(changes) > limit
        changes = changes[:limit]
        last = changes[-1][0] if changes else position.event_id
        after = replace(position, event_id=last if full else max(last, head))
        ids = list(dict.fromkeys(document_id for _, document_id in changes))
        documents = await self._changes.documents_by_ids(ids) if ids else []
        current = {document.id: document for document in documents if document.state is DocumentState.CURRENT}
        gone = tuple(document_id for document_id in ids if document_id not in current)
        return _Batch(tuple(current.values()), gone, after, full)

    async def _rest(self, stop: asyncio.Event, delay_s: float | None) -> None:
        """Wait for the interval to pass, for a full batch, or for `stop`; after a failure for `delay_s` or `stop`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (delay_s or self._settings.commit_interval_s)
        while not stop.is_set() and (left := until - loop.time()) > 0:
            woken = await _first_of(stop, self._woken, left)
            if woken and delay_s is None:
                self._woken.clear()
                if await self._waiting() >= self._settings.batch_size:
                    return
            elif woken:
                await _first_of(stop, stop, until - loop.time())

    async def _waiting(self) -> int:
        return await self.lag() if self._engine.writable else 0


async def _first_of(stop: asyncio.Event, event: asyncio.Event, timeout_s: float) -> bool:
    """Wait for one of the events; says whether `event` is set and `stop` is not."""
    waits = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(event.wait())]
    try:
        await asyncio.wait(waits, timeout=max(timeout_s, 0), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    return event.is_set() and not stop.is_set()
