"""Secrets in sources: references, never values. Which places may hold one, which must, and how a value is kept unseen.

In: what stands in a place. Out: what is wrong with it, in words that never repeat it. Called by the rules for requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any
from urllib.parse import urlsplit

from tidemill.models.source import RequestRules

REMEDY = "write ${secret:NAME} and set secrets.NAME"
HIDDEN = "(not shown)"
_REFERENCE = re.compile(r"\$\{secret:[a-z0-9_]+\}")
_NAMED = re.compile(r"\$\{secret:([^}]*)\}")
_USER_INFO = re.compile(r"//.*@")
_SECRET_HEADER = re.compile(
    r"cookie|x-auth|.*(?:(?:api|access|auth|private|subscription)[-_]?key|token|secret|passw|credential|authorization"
    r"|jwt|session).*",
    re.IGNORECASE | re.DOTALL,
)
_SECRET_COOKIE = re.compile(r"api[-_]?key|token|secret|passw|sess|jwt|auth(?!or)|^(?:.*\.)?sid$", re.IGNORECASE)


def names_in(rules: RequestRules) -> frozenset[str]:
    """The names of all secrets that requests by these rules would bear."""
    return frozenset(name for field in fields(rules) for name in _names(getattr(rules, field.name)))


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _NAMED.findall(value)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _names(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _names(each)


def holds_reference(value: str) -> bool:
    """Whether a secret is referred to somewhere in it."""
    return _REFERENCE.search(value) is not None


def is_reference(value: str) -> bool:
    """Whether it is one reference and nothing else."""
    return _REFERENCE.fullmatch(value) is not None


def without_references(value: str) -> str:
    """The value with `x` in the place of each secret, for checks of what is around them."""
    return _REFERENCE.sub("x", value)


def header_is_secret(name: str) -> bool:
    """Whether a header of that name bears a secret."""
    return _SECRET_HEADER.fullmatch(name) is not None


def cookie_is_secret(name: str) -> bool:
    """Whether a cookie of that name bears a secret."""
    return _SECRET_COOKIE.search(name) is not None


def unseen(text: str) -> str:
    """The text with whatever could be the user name and password of a URL masked."""
    return _USER_INFO.sub("//***@", text)


def malformed(value: str) -> bool:
    """Whether something in it looks like a reference and is none."""
    return "${" in _REFERENCE.sub("", value)


def proxy_faults(value: str) -> Iterator[str]:
    """What is wrong with the URL of a proxy."""
    if is_reference(value):
        return
    try:
        parts = urlsplit(_REFERENCE.sub("x", value))
        named = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        named = False
        parts = urlsplit("")
    if not named or parts.path not in {"", "/"} or parts.query or parts.fragment or re.search(r"[\s\x00-\x1f]", value):
        yield f"is {unseen(value)!r}, which is no proxy; write http://host:port"
        return
    user_info = urlsplit(value.replace("${secret:", "${secret.")).netloc.rpartition("@")[0]
    password = user_info.partition(":")[2].replace("${secret.", "${secret:")
    if password and not is_reference(password):
        yield f"holds a password {HIDDEN}; {REMEDY}: http://user:${{secret:NAME}}@host:port"
