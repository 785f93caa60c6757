"""Passwords: which are good enough, and their argon2id hashes. Called by `manage.users` and `manage.logins`."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from tidemill.errors import Invalid, Transient
from tidemill.settings import AuthSettings

if TYPE_CHECKING:  # loaded when the first password comes: most commands never see one
    from argon2 import PasswordHasher

_LONGEST = 1024
_FEWEST_DIFFERENT = 5
_HASHED_AT_ONCE = 2
_MOST_AT_ONCE = 64


class Passwords:
    """Hashes and verifies outside the event loop, few at a time: each hash takes memory by design.

    One for a process, or it bounds nothing.
    """

    def __init__(self, settings: AuthSettings) -> None:
        self._settings = settings
        self._turn = asyncio.Semaphore(_HASHED_AT_ONCE)
        self._places_taken = 0

    async def hash(self, password: str) -> str:
        """The hash of a new password that `check` let through."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, normal(password))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether it is the password of this hash. `None`, for an unknown user, takes as long and is never right.

        Whoever asks for strangers asks inside of `place`.
        """
        async with self._turn:
            return await asyncio.to_thread(self._verify, password, stored)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among those who log in, to be had before the attempt counts, so that a busy server blames nobody.

        Raises `Transient` (`logins_busy`) if there is none.
        """
        if self._places_taken >= _MOST_AT_ONCE:
            raise Transient("too many log in at once; try again", reason="logins_busy", retry_after_s=2)
        self._places_taken += 1
        try:
            yield
        finally:
            self._places_taken -= 1

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, password: str, stored: str | None) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        nobodys = self._nobodys  # made with the first login of all, so that it tells nothing of an unknown user
        try:
            self._hasher.verify(stored or nobodys, normal(password[: _LONGEST + 1]))
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    @cached_property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher

        settings = self._settings
        return PasswordHasher(
            time_cost=settings.argon2_passes,
            memory_cost=max(settings.argon2_memory_kib, 8 * settings.argon2_lanes),
            parallelism=settings.argon2_lanes,
        )

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash("nobody's password")


def normal(password: str) -> str:
    """The same characters typed on another keyboard are the same password (NFKC, as NIST SP 800-63B has it)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def check_password(password: str, email: str, settings: AuthSettings) -> None:
    """Refuse a new password that is too easy. Length counts, not kinds of characters. Raises `Invalid`."""
    problem = None
    if len(password) < settings.min_password_length:
        problem = f"has {len(password)} characters; give at least {settings.min_password_length}"
    elif len(password) > _LONGEST:
        problem = f"has {len(password)} characters; give at most {_LONGEST}"
    elif len(set(password)) < _FEWEST_DIFFERENT:
        problem = f"repeats a few characters; use at least {_FEWEST_DIFFERENT} different ones"
    elif password.casefold() in (email.casefold(), email.casefold().partition("@")[0]):
        problem = "is the address itself; choose another one"
    elif "\0" in password or "\n" in password:
        problem = "holds a line break or a NUL; leave them out"
    if problem is not None:
        raise Invalid(f"the password {problem}", reason="weak_password")
