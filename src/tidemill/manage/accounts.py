"""API keys: making, rotating and recognising them. A key in clear exists once, when it is made; a hash of it is kept.

A key reads `tdm_<prefix>_<secret>`: the prefix names it, the secret is 256 random bits. A plain SHA-256 is enough for
such a secret: nobody can guess it, so a slow hash would protect nothing.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest

from tidemill.errors import Forbidden, Invalid, TidemillError
from tidemill.models.account import SCOPES, SCOPES_OF, Caller, Role, bounded, caller_of, lesser
from tidemill.store import accounts, users
from tidemill.store.accounts import ApiKey, new_key
from tidemill.store.engine import Store
from tidemill.telemetry.logs import get_logger

_FORM = re.compile(r"tdm_(?P<prefix>[0-9a-f]{12})_(?P<secret>[A-Za-z0-9_-]{43})", re.ASCII)
_SERVER = caller_of("server", Role.ADMIN)
_NOBODYS = sha256(b"").hexdigest()
_LONGEST_NAME = 200
_LONGEST_LIFE = timedelta(days=36_525)
_log = get_logger(__name__)


async def ensure_first_key(store: Store) -> str | None:
    """A first key in clear if there was neither key nor user ever, else `None`.

    Of several processes that ask at once, one gets it.
    """
    prefix, secret = _new()
    key = new_key("first", prefix, _hash(secret), store.now())
    made = await accounts.add_first_key(store, key, _SERVER)
    return None if made is None else _clear(prefix, secret)


async def create_key(
    store: Store,
    name: str,
    *,
    by: Caller = _SERVER,
    role: Role = Role.ADMIN,
    scopes: Sequence[str] = (),
    expires_at: datetime | None = None,
    user: str | None = None,
) -> tuple[ApiKey, str]:
    """A new key: as it is kept, and in clear. `expires_at` is aware; `user` is whose it is (identifier or address).

    Nobody can make a key that may do more than they may. Raises `Invalid` (`unknown_scope`, `bad_name`, `bad_expiry`),
    `NotFound` (`no_such_user`), `Forbidden` (`more_than_own`, `not_own_key`).
    """
    _check(store, name, scopes, expires_at)
    owner = await users.get(store, user) if user is not None else None
    if not by.is_admin and (owner is None or owner.id != by.user_id):
        raise Forbidden("only admins make keys that are not their own", reason="not_own_key")
    most = role if owner is None else lesser(role, owner.role)
    if beyond := sorted(set(scopes) - SCOPES_OF[most]):
        raise Invalid(f"{', '.join(beyond)}: the role {most} does not have it", reason="unknown_scope")
    _refuse_more_than_own(by, role, bounded(most, tuple(scopes)))
    prefix, secret = _new()
    owner_id = owner.id if owner else None
    kept = new_key(
        name, prefix, _hash(secret), store.now(), role=role, scopes=scopes, expires_at=expires_at, user_id=owner_id
    )
    return await accounts.add_key(store, kept, by), _clear(prefix, secret)


async def rotate_key(
    store: Store, prefix: str, by: Caller, *, overlap: timedelta, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """The successor of a key, as it is kept and in clear; the old one goes on working for `overlap`.

    Raises `NotFound`, or `Conflict` (`key_ended`).
    """
    _check(store, "name", (), expires_at)
    old = await accounts.get_key(store, prefix, None if by.is_admin else by.user_id or "")
    likewise = caller_of_key(old)
    _refuse_more_than_own(by, likewise.role, likewise.scopes)
    if expires_at is None and old.expires_at is not None:
        expires_at = store.now() + (old.expires_at - old.created_at)
    new_prefix, secret = _new()
    successor = replace(old, prefix=new_prefix, secret_hash=_hash(secret), expires_at=expires_at)
    return await accounts.rotate_key(store, prefix, successor, overlap, by), _clear(new_prefix, secret)


async def recognise(store: Store, clear: str) -> ApiKey | None:
    """The stored key that this text is; `None` if it is none, has expired or was revoked, or its user is disabled."""
    form = _FORM.fullmatch(clear)
    if form is None:
        return None
    key = await accounts.key_by_prefix(store, form["prefix"])
    is_right = compare_digest(key.secret_hash if key else _NOBODYS, _hash(form["secret"]))
    if key is None or not is_right or not key.is_valid(store.now()):
        return None
    await _note_use(store, key)
    return key


async def valid_key(store: Store, prefix: str) -> ApiKey | None:
    """The key of that prefix if it is good just now."""
    key = await accounts.key_by_prefix(store, prefix)
    return key if key is not None and key.is_valid(store.now()) else None


def caller_of_key(key: ApiKey) -> Caller:
    """Who asks with this key."""
    role = key.role if key.user_role is None else lesser(key.role, key.user_role)
    return Caller(
        name=f"key:{key.prefix}",
        role=role,
        scopes=bounded(role, key.scopes),
        user_id=key.user_id,
        team_id=key.team_id,
        key_id=key.prefix,
        expires_at=key.expires_at,
    )


def check_scopes(scopes: Sequence[str]) -> None:
    """Raises `Invalid` (`unknown_scope`) unless there are such scopes."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise Invalid(f"{', '.join(unknown)}: no such scope; there are {', '.join(SCOPES)}", reason="unknown_scope")


def _refuse_more_than_own(by: Caller, role: Role, scopes: frozenset[str]) -> None:
    """Whoever gets a key in clear has what it may do: it must be no more than they have already."""
    beyond = sorted(scopes - by.scopes)
    if beyond or role.rank > by.role.rank:
        raise Forbidden(
            f"a key may do no more than who makes it: {', '.join(beyond) or role.value} is beyond {by.name}",
            reason="more_than_own",
        )


def _check(store: Store, name: str, scopes: Sequence[str], expires_at: datetime | None) -> None:
    check_scopes(scopes)
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise Invalid(f"a key's name has 1 to {_LONGEST_NAME} printable characters", reason="bad_name")
    if expires_at is not None and not store.now() < expires_at < store.now() + _LONGEST_LIFE:
        far = "have expired already" if expires_at <= store.now() else "live for more than a century"
        raise Invalid(f"the key would {far} ({expires_at:%Y-%m-%d %H:%M})", reason="bad_expiry")


async def _note_use(store: Store, key: ApiKey) -> None:
    """That it was used is good to know, and no reason to refuse whoever used it."""
    try:
        await accounts.note_use(store, key)
    except TidemillError as error:
        _log.warning("last use not noted", action="key.use_not_noted", prefix=key.prefix, error=str(error))


def _new() -> tuple[str, str]:
    return secrets.token_hex(6), secrets.token_urlsafe(32)


def _clear(prefix: str, secret: str) -> str:
    return f"tdm_{prefix}_{secret}"


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
