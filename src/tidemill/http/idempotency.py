"""`Idempotency-Key`: what was asked for once is done once, however often it is asked for again.

In: a POST with that header, inside authentication, which names the caller. Out: the answer of the first time. All that
the request writes and the answer that is kept are one transaction (`store/unit.py`): whenever the process is killed,
either both are there or nothing is, and the caller's next try is right. Errors undo everything and are not kept.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tidemill.errors import TidemillError
from tidemill.http.problems import Problem, ProblemError
from tidemill.http.scopes import RawHeaders, caller, header
from tidemill.models.account import Caller
from tidemill.store import idempotency
from tidemill.store.engine import Store
from tidemill.store.idempotency import Kept
from tidemill.store.unit import Undone, unit
from tidemill.telemetry.logs import get_logger

HEADER = b"idempotency-key"
KEPT_FOR = timedelta(hours=24)
_REPLAYED = (b"idempotency-replayed", b"true")
_FORM = re.compile(r"[\x21-\x7e]{1,255}")
_NOT_KEPT = (b"content-length", b"date", b"connection")
_SWEEP_EVERY_S = 600.0
_AGAIN_S = "1"
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whose request it is, under which key, and what it asks; the last two as hashes."""

    scope: str
    key: str
    request_hash: str


@dataclass(slots=True)
class _Caught:
    """An answer that is not sent yet. It is a `Send`."""

    status: int = 0
    headers: RawHeaders = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    is_complete: bool = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            self.is_complete = not message.get("more_body", False)

    def kept(self, request_hash: str) -> Kept:
        """As it is kept."""
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers]
        shown = tuple(pair for pair in pairs if pair[0].lower().encode() not in _NOT_KEPT)
        return Kept(request_hash, self.status, shown, self.body.decode())


class Idempotency:
    """The layer between authentication and the routes. `is_kept(path)`: answers of that path bear no secret."""

    def __init__(self, app: ASGIApp, store: Store, is_kept: Callable[[str], bool]) -> None:
        self._app = app
        self._store = store
        self._is_kept = is_kept
        self._at_work: dict[tuple[str, str], str] = {}
        self._sweep_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; what bears no key is passed on as it is. Raises problems (400, 409, 422)."""
        given = header(scope, HEADER) if scope["type"] == "http" and scope["method"] == "POST" else None
        if given is None or not self._is_kept(scope["path"]):
            await self._app(scope, receive, send)
            return
        body = await _whole(receive)
        if body is None:
            return  # the caller has left
        asked = _asked(scope, _checked(given), body)
        name = (asked.scope, asked.key)
        if name in self._at_work:
            raise ProblemError(_in_progress() if self._at_work[name] == asked.request_hash else _reused())
        self._at_work[name] = asked.request_hash
        try:
            await self._once(scope, _again(body, receive), send, asked)
        finally:
            del self._at_work[name]
        await self._sweep()

    async def _once(self, scope: Scope, receive: Receive, send: Send, asked: _Asked) -> None:
        kept = await self._find(asked)
        caught = _Caught()
        if kept is None and not await self._done(scope, receive, send, asked, caught):
            # an error, perhaps since another process did the same just now
            kept = await self._find(asked)
            if kept is None and caught.status < 400:
                raise ProblemError(_in_progress())
        if kept is None:
            await _send(send, caught.status, caught.headers, bytes(caught.body))
        elif kept.request_hash != asked.request_hash:
            raise ProblemError(_reused())
        else:
            headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in kept.headers]
            await _send(send, kept.status, [*headers, _REPLAYED], kept.body.encode())

    async def _done(self, scope: Scope, receive: Receive, send: Send, asked: _Asked, caught: _Caught) -> bool:
        """Do what is asked and keep the answer, or do nothing: it failed, or another process has done it."""
        is_done = False
        try:
            async with unit(self._store):
                await self._app(scope, receive, caught)
                since = self._store.now() - KEPT_FOR
                answer = caught.kept(asked.request_hash) if caught.status < 400 else None
                if answer is None or not await idempotency.keep(self._store, asked.scope, asked.key, answer, since):
                    raise Undone
                is_done = True
        except Exception:
            if caught.is_complete and caught.status >= 500:  # FastAPI has answered an unknown error and raises it again
                await _send(send, caught.status, caught.headers, bytes(caught.body))
            raise
        return is_done

    async def _find(self, asked: _Asked) -> Kept | None:
        return await idempotency.find(self._store, asked.scope, asked.key, self._store.now() - KEPT_FOR)

    async def _sweep(self) -> None:
        """Let old answers go, now and then."""
        if time.monotonic() < self._sweep_at:
            return
        self._sweep_at = time.monotonic() + _SWEEP_EVERY_S
        try:
            await idempotency.sweep(self._store, self._store.now() - KEPT_FOR)
        except TidemillError as error:
            _log.warning("old answers not let go", action="idempotency.unswept", reason=error.reason, error=str(error))


def _asked(scope: Scope, key: str, body: bytes) -> _Asked:
    """A body may hold a password, and plain hashes of those can be guessed: these cannot without the key."""
    what = b"\0".join((scope["method"].encode(), scope["path"].encode(), scope.get("query_string", b""), body))
    digest = hmac.new(key.encode(), what, hashlib.sha256).hexdigest()
    return _Asked(_whose(caller(scope)), hashlib.sha256(key.encode()).hexdigest(), digest)


def _whose(by: Caller) -> str:
    """A user is the same with each of their keys and tokens."""
    return f"user:{by.user_id}" if by.user_id else by.name


def _checked(given: str) -> str:
    if not _FORM.fullmatch(given):
        detail = "Idempotency-Key has 1 to 255 visible ASCII characters, such as a random UUID."
        raise ProblemError(Problem(400, "bad_idempotency_key", detail))
    return given


def _in_progress() -> Problem:
    detail = f"A request with this Idempotency-Key is at work; ask again in {_AGAIN_S} s for its answer."
    return Problem(409, "idempotency_in_progress", detail, headers=(("Retry-After", _AGAIN_S),))


def _reused() -> Problem:
    detail = "This Idempotency-Key was used for another request of yours; take a new key for each thing to be done."
    return Problem(422, "idempotency_key_reused", detail)


async def _whole(receive: Receive) -> bytes | None:
    """The body, which an outer layer bounds; `None` if the caller leaves before its end."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """What was received, for the routes."""
    left = [body]

    async def receiving() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return receiving


async def _send(send: Send, status: int, headers: RawHeaders, body: bytes) -> None:
    lengths = [] if any(name == b"content-length" for name, _ in headers) else [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *lengths]})
    await send({"type": "http.response.body", "body": body})
