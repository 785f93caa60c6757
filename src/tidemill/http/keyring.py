"""Recognises credentials: keys of the settings, stored keys, access tokens. What was found is believed for 5 s at most.

In: what a request presented. Out: who asks, with what they may do now. Called by `auth.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from time import monotonic
from typing import Protocol

from pydantic import SecretStr

from tidemill.manage import accounts
from tidemill.manage.tokens import looks_like_token
from tidemill.models.account import Caller, Role, caller_of
from tidemill.store.engine import Store

_BELIEVED_S = 5.0
_REMEMBERED = 1024
_SETTINGS = caller_of("settings", Role.ADMIN)


class TokenReader(Protocol):
    """What knows whose access token it is, and whether it only is too old."""

    async def recognise(self, token: str) -> tuple[Caller | None, bool]:
        """The caller, or none."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """Who it is; if nobody, whether the credential is one that has only expired."""

    caller: Caller | None
    is_expired: bool = False


class Keyring:
    """A revocation, a new role or a disabled user take effect within 5 s; what is not valid is asked again."""

    def __init__(
        self,
        store: Store,
        keys: Sequence[SecretStr],
        tokens: TokenReader,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._configured = [sha256(key.get_secret_value().encode()).digest() for key in keys]
        self._tokens = tokens
        self._clock = clock
        self._known: dict[bytes, tuple[float, Caller]] = {}

    async def recognise(self, credential: str) -> Recognised:
        """Whose it is."""
        digest = sha256(credential.encode()).digest()
        if sum(compare_digest(digest, configured) for configured in self._configured):
            return Recognised(_SETTINGS)
        asked_at = self._clock()
        seen = self._known.get(digest)
        if seen is not None and asked_at - seen[0] < _BELIEVED_S and self._is_current(seen[1]):
            return Recognised(seen[1])
        self._known.pop(digest, None)
        found = await self._ask(credential)
        if found.caller is not None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[digest] = (asked_at, found.caller)
        return found

    def _is_current(self, caller: Caller) -> bool:
        return caller.expires_at is None or self._store.now() < caller.expires_at

    async def _ask(self, credential: str) -> Recognised:
        if looks_like_token(credential):
            caller, is_expired = await self._tokens.recognise(credential)
            return Recognised(caller, is_expired)
        key = await accounts.recognise(self._store, credential)
        return Recognised(accounts.caller_of_key(key) if key else None)
