"""Logging in: a password, a refresh token or an API key comes in, an access token goes out; and whose token it is.

Called by the routes under /api/v1/auth and by the layer that recognises who asks. Roles are never read from a token:
`recognise` looks up what the session or the key may do now. Another way to log in (OpenID Connect, say) ends in
`begin_session` like the password does.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NoReturn

from tidemill.errors import CallerError, Forbidden, TooMany
from tidemill.manage import accounts
from tidemill.manage.audit_writer import AuditWriter
from tidemill.manage.passwords import Passwords
from tidemill.manage.signing import SigningKeys
from tidemill.manage.tokens import BadToken, Claims, Tokens
from tidemill.models.account import SCOPES_OF, Caller, User, bounded
from tidemill.models.audit import Note
from tidemill.settings import Settings
from tidemill.store import logins, sessions, users
from tidemill.store.engine import Store
from tidemill.store.logins import Pause, Throttled

_REFRESH_FORM = re.compile(r"tdr_[A-Za-z0-9_-]{43}", re.ASCII)
_OF_KEY = "key:"
_LONGEST_NAME = 320
_LONGEST_CLIENT = 100
_MOST_TOLD = 4096


class RefusedLogin(CallerError):
    """Who asked for a token does not get one; `reason` is an error code of RFC 6749, 5.2."""

    default_reason = "invalid_grant"


@dataclass(frozen=True, slots=True)
class Granted:
    """What a login gives: a token, for how many seconds and which scopes it is good, and how to get the next one."""

    access_token: str
    expires_in: int
    scopes: tuple[str, ...]
    refresh_token: str | None = None


class Logins:
    """The logins of one process; what must be known to all of them is in the store."""

    def __init__(self, store: Store, settings: Settings, audit_writer: AuditWriter | None = None) -> None:
        self.passwords = Passwords(settings.auth)
        self._store = store
        self._auth = settings.auth
        self._audit = audit_writer or AuditWriter(store)
        self._told: dict[str, datetime] = {}
        self._tokens = Tokens(settings.auth, SigningKeys(settings))

    async def with_password(self, name: str, password: str, scopes: Sequence[str], by: Caller) -> Granted:
        """A login by address and password. `by` is whoever asks: unknown yet, but from an address.

        Raises `RefusedLogin` without saying what was wrong, or `TooMany` (`too_many_logins`).
        """
        email = name.strip().lower()[:_LONGEST_NAME]
        user = await self._checked(email, password, by)
        if user is None:
            await self._refuse(by, RefusedLogin("the user name or the password is wrong"), account=_account(email))
        who = Caller(f"user:{user.email}", user.role, SCOPES_OF[user.role], user.id, user.team_id)
        return await self.begin_session(user, scopes, _at(who, by))

    async def begin_session(self, user: User, scopes: Sequence[str], who: Caller) -> Granted:
        """A session of a user who was recognised, in whatever way."""
        granted = await self._narrowed(who, SCOPES_OF[user.role], scopes)
        token = _new_refresh_token()
        expires_at = self._store.now() + timedelta(seconds=self._auth.refresh_s)
        session = await sessions.begin(self._store, user, _hash(token), tuple(scopes), expires_at, who)
        return self._granted(user.id, session.id, granted if scopes else (), granted, token)

    async def with_refresh_token(self, token: str, scopes: Sequence[str], by: Caller) -> Granted:
        """The next access and refresh token. A token that was used before ends its session. Raises `RefusedLogin`."""
        found = await sessions.find(self._store, _hash(token)) if _REFRESH_FORM.fullmatch(token) else None
        if found is None:
            await self._refuse(by, RefusedLogin("the refresh token is not valid"), grant="refresh_token")
        standing = await sessions.standing(self._store, found.id, self._store.now())
        who = _named(by, f"user:{standing.email}") if standing else by
        most = bounded(standing.role, standing.scopes) if standing else frozenset[str]()
        granted = await self._narrowed(who, most, scopes) if standing else ()
        following = _new_refresh_token()
        session = await sessions.rotate(self._store, _hash(token), _hash(following), who)
        if session is None or standing is None:
            why = "the refresh token is not valid: it has expired, was used, or its session has ended"
            await self._refuse(who, RefusedLogin(why), found.id, grant="refresh_token")
        return self._granted(session.user_id, session.id, granted if scopes else (), granted, following)

    async def with_key(self, client_id: str, client_secret: str, scopes: Sequence[str], by: Caller) -> Granted:
        """An access token for an API key: `client_id` is its prefix, the secret all of it. Raises `RefusedLogin`."""
        clear = client_secret if client_secret.startswith("tdm_") else f"tdm_{client_id}_{client_secret}"
        key = await accounts.recognise(self._store, clear)
        if key is None or key.prefix != client_id:
            refused = RefusedLogin("the client is unknown, or its secret is wrong", reason="invalid_client")
            await self._refuse(by, refused, client=client_id[:_LONGEST_CLIENT])
        caller = _at(accounts.caller_of_key(key), by)
        granted = await self._narrowed(caller, caller.scopes, scopes)
        await self._audit.note(caller, Note("session.token", key.prefix, {"scopes": list(granted)}))
        subject = f"{_OF_KEY}{key.prefix}"
        return self._granted(subject, subject, granted if scopes else (), granted, None)

    async def end(self, refresh_token: str, by: Caller) -> None:
        """End the session of a refresh token. One that is unknown has none (RFC 7009)."""
        found = await sessions.find(self._store, _hash(refresh_token))
        if found is not None:
            await sessions.end(self._store, found.id, by)

    async def end_session(self, session_id: str, by: Caller) -> None:
        """End a session by its name."""
        await sessions.end(self._store, session_id, by)

    async def check_own_password(self, user: User, password: str, by: Caller) -> None:
        """Whether the user knows their password, under the same limits as a login. Raises `Forbidden`, `TooMany`."""
        if await self._checked(user.email, password, by) is None:
            raise Forbidden("the present password is wrong", reason="wrong_password")

    async def recognise(self, token: str) -> tuple[Caller | None, bool]:
        """Whose access token it is, with what they may do now; and, if it is nobody's, whether it only is too old."""
        now = self._store.now()
        try:
            claims = self._tokens.read(token, now)
        except BadToken as error:
            return None, error.is_expired
        found = await (self._of_key(claims) if claims.session.startswith(_OF_KEY) else self._of_session(claims))
        return found, False

    async def _of_session(self, claims: Claims) -> Caller | None:
        standing = await sessions.standing(self._store, claims.session, self._store.now())
        if standing is None or standing.user_id != claims.subject:
            return None
        return Caller(
            name=f"user:{standing.email}",
            role=standing.role,
            scopes=bounded(standing.role, standing.scopes) & bounded(standing.role, claims.scopes),
            user_id=standing.user_id,
            team_id=standing.team_id,
            session_id=claims.session,
            expires_at=claims.expires_at,
        )

    async def _of_key(self, claims: Claims) -> Caller | None:
        key = await accounts.valid_key(self._store, claims.session.removeprefix(_OF_KEY))
        if key is None or claims.subject != claims.session:
            return None
        found = accounts.caller_of_key(key)
        scopes = found.scopes & bounded(found.role, claims.scopes)
        return Caller(
            found.name, found.role, scopes, found.user_id, found.team_id, key.prefix, expires_at=claims.expires_at
        )

    async def _checked(self, email: str, password: str, by: Caller) -> User | None:
        """The user if the password is theirs. Every attempt counts until it proves right."""
        account, places = _account(email), _places(by.address)
        throttled = [Throttled(account, self._auth.login_failures)]
        throttled += [Throttled(each, self._auth.address_failures) for each in places]
        with self.passwords.place():
            pause = await logins.enter(self._store, throttled, self._auth.login_pause_s)
            if pause is not None:
                await self._tell(pause, account, by)
                raise TooMany(
                    f"too many failed logins; try again in {pause.wait_s:.0f} s",
                    reason="too_many_logins",
                    retry_after_s=pause.wait_s,
                )
            found = await users.with_password(self._store, email)
            is_right = await self.passwords.verify(password, found[1] if found else None)
        if found is None or not is_right or not found[0].active:
            return None
        user, stored = found
        await logins.forgive(self._store, account, places)
        if self.passwords.is_outdated(stored):
            await users.rehash(self._store, user.id, stored, await self.passwords.hash(password))
        return user

    async def _tell(self, pause: Pause, account: str, by: Caller) -> None:
        """Note once for each pause that somebody has to wait, however often they ask meanwhile."""
        if self._told.get(pause.subject) == pause.until:
            return
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told[pause.subject] = pause.until
        detail = {"account": account, "blocked": pause.subject, "until": pause.until.isoformat()}
        await self._audit.note(by, Note("session.throttled", None, detail))

    async def _refuse(self, by: Caller, error: RefusedLogin, session: str | None = None, **detail: str) -> NoReturn:
        """Raise it, and have it noted before."""
        await self._audit.note(by, Note("session.refused", session, {**detail, "error": error.reason}))
        raise error

    async def _narrowed(self, who: Caller, most: frozenset[str], wanted: Sequence[str]) -> tuple[str, ...]:
        """The scopes to grant. Raises `RefusedLogin` (`invalid_scope`) if more is wanted than there is, or if there is
        nothing: no scopes at all would stand for all of the role's."""
        beyond = sorted(set(wanted) - most)
        if beyond or not most:
            told = f"these scopes are unknown or too much: {', '.join(beyond)[:500]}" if beyond else "no scope is left"
            await self._refuse(who, RefusedLogin(told, reason="invalid_scope"))
        return tuple(sorted(set(wanted) or most))

    def _granted(
        self, subject: str, session: str, wanted: Sequence[str], granted: Sequence[str], refresh: str | None
    ) -> Granted:
        token = self._tokens.issue(subject, session, wanted, self._store.now())
        return Granted(token, self._auth.access_s, tuple(granted), refresh)


def _account(email: str) -> str:
    """What stands for an account in lists of failures: people type passwords into the wrong field."""
    return f"account {sha256(email.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _places(address: str | None) -> list[str]:
    """What stands for an address: who has one of IPv6 has 2⁶⁴ of them. Behind loopback stands a proxy, or nobody."""
    if not address:
        return []
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return [f"address {address[:100]}"]
    if found.is_loopback:
        return []
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return [f"address {ipaddress.ip_network((found, 64), strict=False)}"]
    return [f"address {getattr(found, 'ipv4_mapped', None) or found}"]


def _at(who: Caller, asking: Caller) -> Caller:
    """A caller at the place from which another one asks."""
    return Caller(
        who.name, who.role, who.scopes, who.user_id, who.team_id, request_id=asking.request_id, address=asking.address
    )


def _named(by: Caller, name: str) -> Caller:
    return Caller(name, by.role, by.scopes, request_id=by.request_id, address=by.address)


def _new_refresh_token() -> str:
    return f"tdr_{secrets.token_urlsafe(32)}"


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
