"""Who may ask: anyone on this machine if the server listens on loopback, elsewhere only those with an API key.

Closed by default: a path needs a key unless it is one of those that are open to all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from hmac import compare_digest
from time import monotonic

from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from tidemill.http.keys import presented_key, refuse_key_in_query
from tidemill.http.problems import Problem, ProblemError
from tidemill.http.scopes import header, state
from tidemill.manage import accounts
from tidemill.store.engine import Store

_REMEMBERED_S = 5.0
_REMEMBERED_KEYS = 1024
_THROUGH_A_PROXY = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")


class Keyring:
    """Recognises keys: those of the settings, and the stored ones. A revocation takes effect within 5 s."""

    def __init__(self, store: Store, keys: Sequence[SecretStr], *, clock: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._configured = [sha256(key.get_secret_value().encode()).digest() for key in keys]
        self._clock = clock
        self._known: dict[bytes, tuple[float, str]] = {}

    async def owner(self, key: str) -> str | None:
        """The name under which this key acts (`settings`, or the stored key's prefix); `None` if it is not valid."""
        digest = sha256(key.encode()).digest()
        if sum(compare_digest(digest, configured) for configured in self._configured):
            return "settings"
        now = self._clock()
        seen = self._known.get(digest)
        if seen is not None and now - seen[0] < _REMEMBERED_S:
            return seen[1]
        self._known.pop(digest, None)
        found = await accounts.recognise(self._store, key)
        if found is None:
            return None
        if len(self._known) >= _REMEMBERED_KEYS:
            self._known.clear()
        self._known[digest] = (now, found.prefix)
        return found.prefix


class Authentication:
    """`is_open` says which paths need no key; with `trusts_loopback` none does, unless a proxy brought the request."""

    def __init__(
        self, app: ASGIApp, keyring: Keyring, *, is_open: Callable[[str], bool], trusts_loopback: bool
    ) -> None:
        self._app = app
        self._keyring = keyring
        self._is_open = is_open
        self._trusts_loopback = trusts_loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything else is passed on as it is."""
        if scope["type"] == "http":
            refuse_key_in_query(scope)
            if not self._is_open(scope["path"]):
                state(scope)["caller"] = await self._caller(scope)
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> str:
        if self._trusts_loopback and not any(header(scope, name) for name in _THROUGH_A_PROXY):
            return "loopback"
        key = presented_key(scope)
        owner = await self._keyring.owner(key) if key else None
        if owner is None:
            raise ProblemError(_unauthorized("This needs an API key" if not key else "This API key is not valid"))
        return owner


def _unauthorized(what: str) -> Problem:
    return Problem(
        401,
        "key_required" if "needs" in what else "invalid_key",
        f"{what}: send a valid one as X-API-Key, or as Authorization: Bearer.",
        headers=(("WWW-Authenticate", 'Bearer realm="tidemill"'),),
    )
