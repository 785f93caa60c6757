"""API keys: making them, and recognising them. A key in clear exists once, when it is made; the store keeps a hash.

A key reads `tdm_<prefix>_<secret>`: the prefix names it, the secret is 256 random bits. A plain SHA-256 is enough for
such a secret: nobody can guess it, so a slow hash would protect nothing.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest

from tidemill.store import accounts
from tidemill.store.accounts import ApiKey
from tidemill.store.engine import Store

_FORM = re.compile(r"tdm_(?P<prefix>[0-9a-f]{12})_(?P<secret>[A-Za-z0-9_-]{43})")


async def ensure_first_key(store: Store) -> str | None:
    """A first key in clear if none was ever made, else `None`. Of several processes that ask at once, one gets it."""
    prefix, secret = _new()
    made = await accounts.add_first_key(store, name="first", prefix=prefix, secret_hash=_hash(secret))
    return None if made is None else _clear(prefix, secret)


async def create_key(store: Store, name: str, *, expires_at: datetime | None = None) -> tuple[ApiKey, str]:
    """A new key: as it is kept, and in clear. `expires_at` is aware."""
    prefix, secret = _new()
    key = await accounts.add_key(store, name=name, prefix=prefix, secret_hash=_hash(secret), expires_at=expires_at)
    return key, _clear(prefix, secret)


async def recognise(store: Store, clear: str) -> ApiKey | None:
    """The stored key that this text is; `None` if it is none, has expired or was revoked."""
    form = _FORM.fullmatch(clear)
    if form is None:
        return None
    key = await accounts.key_by_prefix(store, form["prefix"])
    if key is None or not compare_digest(key.secret_hash, _hash(form["secret"])):
        return None
    return key if key.is_valid(store.now()) else None


def _new() -> tuple[str, str]:
    return secrets.token_hex(6), secrets.token_urlsafe(32)


def _clear(prefix: str, secret: str) -> str:
    return f"tdm_{prefix}_{secret}"


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
