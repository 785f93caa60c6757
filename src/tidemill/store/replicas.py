"""Standbys of the database that answer reads, as long as they are near enough to it.

In: the primary's store and those of its standbys. Out: `Replicas.read`, which asks a standby that is not too far
behind and holds what the caller has written, and else, or if that fails, the primary. Called by the API through
`app.replicas`.

How far behind a standby is, the primary's own log says: each look notes how long the log was and when, and who has
replayed that much is at most that old. A standby's own word would not do: cut off from its primary it takes itself for
up to date, and beside an idle one for old.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import text

from tidemill.errors import NotFound, Permanent, TidemillError, Transient
from tidemill.settings import DatabaseSettings
from tidemill.store.again import CONFLICT
from tidemill.store.clock import steady_s
from tidemill.store.engine import Store, open_store
from tidemill.telemetry.logs import get_logger

T = TypeVar("T")
_LOOK_EVERY_S = 1.0
_LOOK_TIMEOUT_S = 2.0
_PATIENCE_S = 0.25
_PROBE_PATIENCE_S = 0.8
_READ_TIMEOUT_S = 5.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_MOST_LOOKS = 1000
_EPOCH = "(SELECT value FROM meta WHERE key = 'epoch') AS epoch"
_PRIMARY = text(f"SELECT (pg_current_wal_flush_lsn() - '0/0')::int8 AS position, {_EPOCH}")
_WRITTEN = text("SELECT (pg_current_wal_insert_lsn() - '0/0')::int8")
_STANDBY = text(
    "SELECT pg_is_in_recovery() AS is_standby, COALESCE(pg_last_wal_replay_lsn() - '0/0', 0)::int8 AS position,"
    f" {_EPOCH}"
)
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one standby stands. `lag_s` is at most how old what it answers is; infinite if it cannot be used."""

    name: str
    lag_s: float
    is_used: bool
    why: str


@dataclass(slots=True, eq=False)
class _Standby:
    store: Store
    position: int = 0
    seen_at_s: float = -math.inf
    """When the primary was as this standby is now."""
    trouble: str = "not looked at yet"
    rests_until_s: float = 0.0
    pause_s: float = 0.0
    was_used: bool = True

    def fail(self, trouble: str) -> None:
        """It does not answer, or is not what it should be: it is left alone for a while, longer each time."""
        self.trouble = trouble
        self.pause_s = min(_LONGEST_PAUSE_S, max(_FIRST_PAUSE_S, 2 * self.pause_s))
        self.rests_until_s = steady_s() + self.pause_s

    def stand(self, position: int, seen_at_s: float) -> None:
        """It answers."""
        self.position, self.seen_at_s = position, seen_at_s
        self.trouble, self.pause_s = "", 0.0


class Replicas:
    """The primary with its standbys; none at all is fine. Looks at them when it is asked, at most once a second."""

    def __init__(self, primary: Store, standbys: Sequence[Store], most_lag_s: float) -> None:
        self._primary = primary
        self._standbys = [_Standby(each) for each in standbys]
        self._most_lag_s = most_lag_s
        self._every_s = min(_LOOK_EVERY_S, most_lag_s / 4)
        self._seen: deque[tuple[float, int]] = deque(maxlen=_MOST_LOOKS)
        self._epoch: str | None = None
        self._looking: asyncio.Task[None] | None = None
        self._looked_at_s = -math.inf
        self._next = 0
        self.reads = {"primary": 0, "replica": 0}

    @property
    def are_any(self) -> bool:
        """Whether there are standbys at all."""
        return bool(self._standbys)

    @property
    def most_lag_s(self) -> float:
        """How far a standby may be behind."""
        return self._most_lag_s

    async def read(self, ask: Callable[[Store], Awaitable[T]], written: int = 0) -> T:
        """What `ask` finds in a standby that has replayed the log up to `written`; in the primary if there is none.

        What a standby does not find, or fails to give, the primary is asked for. Raises what `ask` raises.
        """
        standby = await self._chosen(written)
        if standby is not None:
            try:
                async with asyncio.timeout(_READ_TIMEOUT_S):
                    found = await ask(standby.store)
            except NotFound:
                pass  # the caller may have it from the index, which knows the primary
            except TimeoutError:
                standby.fail(f"no answer within {_READ_TIMEOUT_S:g} s")
            except (Transient, Permanent) as error:
                if error.reason != CONFLICT:  # its replay undid the question, which is no fault of its
                    standby.fail(str(error))
            else:
                self.reads["replica"] += 1
                return found
        self.reads["primary"] += 1
        return await ask(self._primary)

    async def written(self) -> int | None:
        """How long the primary's log is now: whatever was committed before is below. `None` without standbys."""
        if not self._standbys:
            return None
        async with self._primary.read() as connection:
            return int((await connection.execute(_WRITTEN)).scalar_one())

    async def standings(self) -> list[Standing]:
        """How each standby stands, after a look if the last one was long ago."""
        await self._refresh(_PROBE_PATIENCE_S)
        return [self._standing(each) for each in self._standbys]

    async def close(self) -> None:
        """Give every connection to standbys back; the primary is closed by who opened it."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        for each in self._standbys:
            await each.store.close()

    async def _chosen(self, written: int) -> _Standby | None:
        """The standbys take turns."""
        if not self._standbys:
            return None
        await self._refresh(_PATIENCE_S)
        usable = [each for each in self._standbys if self._standing(each).is_used and each.position >= written]
        if not usable:
            return None
        self._next += 1
        return usable[self._next % len(usable)]

    def _standing(self, standby: _Standby) -> Standing:
        lag_s = math.inf if standby.trouble else max(0.0, steady_s() - standby.seen_at_s)
        is_used = lag_s <= self._most_lag_s
        why = standby.trouble or ("" if is_used else f"more than {self._most_lag_s:g} s behind")
        return Standing(standby.store.name, lag_s, is_used, why)

    async def _refresh(self, patience_s: float) -> None:
        """Have a look if the last one was long ago. Who asks for documents does not wait long for it."""
        if self._standbys and steady_s() - self._looked_at_s >= self._every_s:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look(), name="look at standbys")
            await asyncio.wait({self._looking}, timeout=patience_s)

    async def _look(self) -> None:
        try:
            await self._look_at_primary()
        except (TidemillError, TimeoutError) as error:
            # What was seen of it before goes on growing old.
            _log.info("cannot tell how far the standbys are behind", action="replicas.look", error=str(error))
        now_s = steady_s()
        asked = [each for each in self._standbys if now_s >= each.rests_until_s]
        await asyncio.gather(*(self._look_at(each) for each in asked))
        self._looked_at_s = steady_s()
        for each in self._standbys:
            self._tell(each)

    async def _look_at_primary(self) -> None:
        began_s = steady_s()
        async with asyncio.timeout(_LOOK_TIMEOUT_S), self._primary.read() as connection:
            row = (await connection.execute(_PRIMARY)).one()
        if self._seen and row.position < self._seen[-1][1]:
            self._seen.clear()  # a failover: the log of another server
        self._epoch = row.epoch
        self._seen.append((began_s, row.position))

    async def _look_at(self, standby: _Standby) -> None:
        try:
            async with asyncio.timeout(_LOOK_TIMEOUT_S), standby.store.read() as connection:
                row = (await connection.execute(_STANDBY)).one()
        except TimeoutError:
            standby.fail(f"no answer within {_LOOK_TIMEOUT_S:g} s")
        except TidemillError as error:
            standby.fail(str(error))
        else:
            self._judge(standby, row.is_standby, row.position, row.epoch)

    def _judge(self, standby: _Standby, is_standby: bool, position: int, epoch: str | None) -> None:
        if not is_standby:
            standby.fail("it is no standby; name standbys only in database.replica_urls")
        elif self._epoch is None or epoch != self._epoch:
            standby.fail("it does not hold the database of database.url")
        else:
            reached = [at_s for at_s, needed in self._seen if needed <= position]
            standby.stand(position, reached[-1] if reached else -math.inf)

    def _tell(self, standby: _Standby) -> None:
        """Say once that a standby is left out, and once that it is read again."""
        standing = self._standing(standby)
        if standing.is_used != standby.was_used:
            say = _log.info if standing.is_used else _log.warning
            action = "replicas.used" if standing.is_used else "replicas.left_out"
            say("a standby of the database", action=action, server=standing.name, why=standing.why)
        standby.was_used = standing.is_used


def open_replicas(primary: Store, settings: DatabaseSettings) -> Replicas:
    """The standbys of `database.replica_urls`. No connection is opened yet. Raises `Invalid` for a wrong URL."""
    standbys = [open_store(url, settings) for url in settings.replica_urls]
    return Replicas(primary, standbys, settings.replica_lag_s)
