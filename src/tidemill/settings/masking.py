"""Making values fit to be shown: what is secret by its name, and what is secret inside a URL.

Used for `tidemill config show`, for the messages of wrong settings, and by `telemetry/redact.py` for every log line.
"""

from __future__ import annotations

import re

MASK = "***"

_SENSITIVE = (
    r"passw(?:or)?d|passwd|passphrase|pwd|secrets?|tokens?|credentials?|authorization|cookies?|signature|dsn"
    r"|(?:api|access|private|signing|encryption|auth|session|account|master)[-_.]?keys?|jwt|bearer|csrf|otp"
)
_SECRET_NAME = re.compile(rf"(?:^|[^a-z])(?:{_SENSITIVE})(?:$|[^a-z])", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SECRET_EXACT = frozenset(
    {"auth", "sig", "key", "keys", "sid", "sessionid", "phpsessid", "jsessionid", "x-amz-signature"}
)

_USERINFO = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]{0,30}://)(?P<userinfo>[^/?#\s]*)@", re.IGNORECASE)
_LOOSE_USERINFO = re.compile(
    r"(?P<scheme>\b[a-z][a-z0-9+.-]{0,30}://)(?P<userinfo>[^/?#\s@:]+:(?!\d{1,5}(?:[/?#\s]|$))[^\s@]*)@", re.IGNORECASE
)
"""Passwords whose `/`, `?` or `#` somebody forgot to escape."""
_QUERY_PAIR = re.compile(r"(?P<lead>[?&;])(?P<name>[\w.%\[\]-]{1,100})=(?P<value>[^&;#\s\"'<>]*)")


def is_secret_name(name: str) -> bool:
    """Whether a value of this name must not be shown (`password`, `X-API-Key`, `clientSecret`, `db_token`)."""
    spaced = _CAMEL.sub("_", name)
    return spaced.lower() in _SECRET_EXACT or _SECRET_NAME.search(spaced) is not None


def mask_urls(text: str) -> str:
    """`text` with the password of every URL, and every query parameter with a secret's name, replaced by `***`."""
    if "://" in text:
        text = _LOOSE_USERINFO.sub(_mask_userinfo, _USERINFO.sub(_mask_userinfo, text))
    if "=" in text:
        text = _QUERY_PAIR.sub(_mask_pair, text)
    return text


def _mask_userinfo(match: re.Match[str]) -> str:
    user, colon, _ = match["userinfo"].partition(":")
    return f"{match['scheme']}{user}:{MASK}@" if colon else f"{match['scheme']}{MASK}@"


def _mask_pair(match: re.Match[str]) -> str:
    if not is_secret_name(match["name"]):
        return match[0]
    return f"{match['lead']}{match['name']}={MASK}"
