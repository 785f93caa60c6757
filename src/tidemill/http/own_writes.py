"""Who has written reads what he wrote, even if standbys answer reads: how far the database's log was then.

In: a request that may write. Out: the log's position after it, kept for its caller for a while and given to him as
`Tidemill-Position`, which he may send back to other processes. `written_by` is what routes that read hand to
`app.replicas`. Without standbys nothing happens here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemill.errors import TidemillError
from tidemill.http.problems import Problem, ProblemError
from tidemill.http.scopes import header, state
from tidemill.store.replicas import Replicas
from tidemill.telemetry.logs import get_logger

HEADER = b"tidemill-position"
_SAFE = ("GET", "HEAD", "OPTIONS")
_FORM = re.compile(r"[0-9A-F]{1,8}/[0-9A-F]{1,8}\Z", re.ASCII)
_MOST_CALLERS = 10_000
_MARGIN_S = 10.0
_UNKNOWN = 1 << 64
"""Beyond the end of every log: only the primary will do."""
_log = get_logger(__name__)


@dataclass(slots=True)
class OwnWrites:
    """What callers have written of late. `kept_s`: beyond that, no standby that is read from lacks it."""

    kept_s: float
    clock: Callable[[], float] = time.monotonic
    _written: dict[str, tuple[float, int]] = field(default_factory=dict)
    _floor: tuple[float, int] = (0.0, 0)
    """What holds for all, in place of callers for whom there was no room."""

    def note(self, caller: str, position: int) -> None:
        """This caller has written before the log was so long."""
        until_s = self.clock() + self.kept_s
        position = max(position, self.of(caller))
        self._written.pop(caller, None)
        if len(self._written) >= _MOST_CALLERS:
            _, pushed_out = self._written.pop(next(iter(self._written)))
            self._floor = (until_s, max(self._floor[1], pushed_out))
        self._written[caller] = (until_s, position)

    def of(self, caller: str) -> int:
        """How long the log must be for this caller."""
        now_s = self.clock()
        kept = (self._written.get(caller, (0.0, 0)), self._floor)
        return max((position for until_s, position in kept if until_s > now_s), default=0)


class ReadYourWrites:
    """The layer around the routes, inside authentication, which names the caller."""

    def __init__(self, app: ASGIApp, replicas: Replicas) -> None:
        self._app = app
        self._replicas = replicas
        self._writes = OwnWrites(2 * replicas.most_lag_s + _MARGIN_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything else is passed on as it is."""
        if scope["type"] != "http" or not self._replicas.are_any:
            await self._app(scope, receive, send)
            return
        caller = str(state(scope).get("caller", ""))
        state(scope)["written"] = max(self._writes.of(caller), _given(scope))
        if scope["method"] in _SAFE:
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and (position := await self._noted(caller)) is not None:
                message["headers"] = [*message.get("headers", ()), (HEADER, shown(position).encode())]
            await send(message)

        await self._app(scope, receive, sending)

    async def _noted(self, caller: str) -> int | None:
        """Keep for the caller how long the log is now; if nobody can tell, he is to read from the primary alone."""
        try:
            position = await self._replicas.written()
        except TidemillError as error:
            _log.warning("cannot tell the position of a write", action="replicas.position", error=str(error))
            position = None
        self._writes.note(caller, _UNKNOWN if position is None else position)
        return position


def written_by(scope: Scope) -> int:
    """How long the log must be that answers this request."""
    return int(state(scope).get("written", 0))


def shown(position: int) -> str:
    """A position as PostgreSQL writes it: `1/6B3748F0`."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def _given(scope: Scope) -> int:
    """The position that the caller has brought along from an answer."""
    text = header(scope, HEADER)
    if text is None:
        return 0
    if not _FORM.match(text):
        detail = "Tidemill-Position is not what an answer gave; send it back as it was, or leave it out."
        raise ProblemError(Problem(400, "bad_position", detail))
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)
