"""The change feed: what happened to documents and runs, in the order in which it was committed, from any place on.

In: a reader's cursor. Out: the next events and the next cursor, and a wait for news that costs the database the same
for any number of readers. Called by the API.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tidemill.errors import Gone, Invalid, TidemillError
from tidemill.models.event import Event
from tidemill.models.event_cursor import EventCursor, cursor_of
from tidemill.store import events
from tidemill.store.engine import Store
from tidemill.telemetry.logs import get_logger

LATEST = "latest"
_LOOK_S = 0.25
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """An event, the name of its source, and the place behind it."""

    event: Event
    source: str | None
    cursor: EventCursor


@dataclass(frozen=True, slots=True)
class Page:
    """The next changes; `cursor` is where to go on, and moves even if there are none. `has_more`: do not wait."""

    changes: tuple[Change, ...]
    cursor: EventCursor
    has_more: bool


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the feed of one store; `kinds` and `source_id` say what of it."""

    store: Store
    kinds: tuple[str, ...] = ()
    source_id: str | None = None

    async def begin(self, after: str | None) -> EventCursor:
        """The place that a reader names: none at all is the beginning of what is kept, `latest` the end.

        Raises `Invalid` (`bad_cursor`), `Gone` (`cursor_expired`) if events behind it were let go, or if it is of
        another database, such as this one before it was restored.
        """
        here = await events.window(self.store, None, 0)
        if after is None:
            return EventCursor(here.epoch, 0, here.floor)
        if after == LATEST:
            return EventCursor(here.epoch, here.reached, here.floor)
        cursor = cursor_of(after)
        if cursor is None:
            raise Invalid(
                f"{after[:100]!r} is no cursor of the change feed; send back what an answer gave, or `latest`, or none",
                reason="bad_cursor",
            )
        _check(cursor, here)
        return cursor

    async def page(self, cursor: EventCursor, limit: int) -> Page:
        """What comes behind a place. Raises `Gone` (`cursor_expired`)."""
        found = await events.window(self.store, cursor.event_id, limit, self.kinds, self.source_id)
        _check(cursor, found)

        def place(event_id: int) -> EventCursor:
            """Beyond the floor nothing was let go; below it holds what held when the reader came."""
            return EventCursor(found.epoch, event_id, found.floor if event_id >= found.floor else cursor.floor)

        changes = tuple(Change(event, source, place(event.id)) for event, source in found.events)
        return Page(changes, place(found.reached), found.is_full)


def _check(cursor: EventCursor, here: events.Window) -> None:
    if cursor.epoch == here.epoch and cursor.is_whole(here.floor):
        return
    why = "events behind it were let go" if cursor.epoch == here.epoch else "the database was restored since"
    raise Gone(
        f"the change feed cannot go on from this cursor, since {why}; read the documents anew (without a cursor the"
        " feed tells of each current one at least once)",
        reason="cursor_expired",
    )


class News:
    """Tells any number of waiting readers that something was committed: one look at the database for all of them."""

    def __init__(self, store: Store, *, is_over: Callable[[], bool] = lambda: False) -> None:
        self._store = store
        self._is_over = is_over
        self._newest = 0
        self._arrived = asyncio.Event()
        self._waiting = 0
        self._looking: asyncio.Task[None] | None = None

    async def wait(self, beyond: int, seconds: float) -> bool:
        """Wait for an event behind that one; whether there is one. Returns early when the process is to end."""
        self._waiting += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="change feed")
        try:
            async with asyncio.timeout(seconds):
                while self._newest <= beyond and not self._is_over():
                    await self._arrived.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return self._newest > beyond

    async def _look(self) -> None:
        """As long as somebody waits. A database that is gone is looked for again; readers find out by themselves."""
        while self._waiting:
            try:
                newest = await events.newest(self._store)
            except TidemillError as error:
                _log.debug("no look at the change feed", action="events.look", reason=error.reason)
                newest = self._newest
            if newest != self._newest or self._is_over():
                self._newest = newest
                self._arrived.set()
                self._arrived = asyncio.Event()
            await asyncio.sleep(_LOOK_S)
