"""Access tokens: JSON Web Tokens (RFC 7519, RFC 9068) signed with Ed25519, and nothing else, whatever a token says.

In: who a token is for. Out: the token; and from a token, whose it is. What its bearer may do is not in it: that is
looked up at each request. Called by `manage.logins`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tidemill.manage.signing import SigningKeys
from tidemill.models.ids import new_id
from tidemill.settings import AuthSettings

_ALGORITHM = "EdDSA"
_TYPE = "at+jwt"
_REQUIRED = ("iss", "aud", "sub", "exp", "iat", "jti", "sid")
_LONGEST = 4096
_SKEW_S = 30


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says: the session or the key that it was issued for, and the scopes that it was asked for."""

    subject: str
    session: str
    token_id: str
    scopes: tuple[str, ...]
    expires_at: datetime


class BadToken(Exception):
    """The token is none of ours, or not good any more. It never leaves this room."""

    def __init__(self, *, is_expired: bool = False) -> None:
        super().__init__("expired" if is_expired else "invalid")
        self.is_expired = is_expired


class Tokens:
    """Issues and reads tokens. `now` is always given: it is the time of the database."""

    def __init__(self, settings: AuthSettings, keys: SigningKeys) -> None:
        self._settings = settings
        self._keys = keys

    def issue(self, subject: str, session: str, scopes: Sequence[str], now: datetime) -> str:
        """A new token. Raises `Permanent` (`signing_keys`)."""
        import jwt

        key = self._keys.current()
        issued_at = int(now.timestamp())
        claims = {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "sub": subject,
            "sid": session,
            "iat": issued_at,
            "exp": issued_at + self._settings.access_s,
            "jti": new_id(),
            "scope": " ".join(scopes),
        }
        return jwt.encode(claims, key.private, algorithm=_ALGORITHM, headers={"kid": key.kid, "typ": _TYPE})

    def read(self, token: str, now: datetime) -> Claims:
        """What a token says. Raises `BadToken`."""
        claims = self._verified(token)
        issued_at, expires_at = claims["iat"], claims["exp"]
        texts = [claims.get(name) for name in ("sub", "sid", "jti")] + [claims.get("scope", "")]
        if not all(type(each) is int for each in (issued_at, expires_at)) or not all(
            isinstance(each, str) for each in texts
        ):
            raise BadToken
        if expires_at <= now.timestamp():
            raise BadToken(is_expired=True)
        if issued_at > now.timestamp() + _SKEW_S or expires_at - issued_at > timedelta(hours=1).total_seconds():
            raise BadToken
        subject, session, token_id, scopes = (str(each) for each in texts)
        return Claims(subject, session, token_id, tuple(scopes.split()), datetime.fromtimestamp(expires_at, UTC))

    def _verified(self, token: str) -> dict[str, Any]:
        """The claims under a signature of ours. Times are checked by the caller: the library knows only its own."""
        import jwt

        if len(token) > _LONGEST:
            raise BadToken
        try:
            header = jwt.get_unverified_header(token)
            kid = header.get("kid")
            key = self._keys.find(kid) if isinstance(kid, str) and header.get("typ") == _TYPE else None
            if key is None:
                raise BadToken
            found: dict[str, Any] = jwt.decode(
                token,
                key.private.public_key(),
                algorithms=[_ALGORITHM],
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                options={"require": list(_REQUIRED), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            raise BadToken from error
        return found


def looks_like_token(text: str) -> bool:
    """Whether it has the form of a token; keys have another."""
    return text.count(".") == 2 and text.startswith("eyJ")
