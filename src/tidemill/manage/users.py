"""Users as an admin deals with them: making, changing, disabling, new passwords.

Called by the command line and the API.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Unpack

from tidemill.errors import Invalid
from tidemill.manage.passwords import Passwords, check_password
from tidemill.models.account import QUOTAS, ROLES, Caller, Role, User, UserEdit
from tidemill.settings import AuthSettings
from tidemill.store import users
from tidemill.store.engine import Store

_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f,;:<>\"()\[\]\\]{1,64}@[^\s@\x00-\x1f\x7f,;:<>\"()\[\]\\/]{1,255}")
_TEAM = re.compile(r"[\w][\w .-]{0,99}")
_MOST = 2**53


async def create(
    store: Store,
    settings: AuthSettings,
    email: str,
    password: str,
    by: Caller,
    *,
    role: Role = Role.VIEWER,
    team: str | None = None,
    passwords: Passwords | None = None,
) -> User:
    """A new user. `passwords` are those of the process, if it has any.

    Raises `Invalid` (`bad_email`, `bad_team`, `weak_password`) or `Conflict` (`user_exists`).
    """
    address = email_given(email)
    if team is not None:
        check_team(team)
    check_password(password, address, settings)
    password_hash = await (passwords or Passwords(settings)).hash(password)
    return await users.add(store, address, password_hash, role, by, team=team)


async def change(
    store: Store,
    reference: str,
    by: Caller,
    *,
    check: Callable[[User], None] | None = None,
    **edit: Unpack[UserEdit],
) -> User:
    """Change what is given of a user (identifier or address).

    `check` sees the user as they stand and may refuse. Raises `NotFound` (`no_such_user`), `Conflict` (`last_admin`),
    `Invalid` (`bad_team`, `bad_quota`).
    """
    if team := edit.get("team"):
        check_team(team)
    if (quotas := edit.get("quotas")) is not None:
        _check_quotas(quotas)
    return await users.change(store, reference, by, check=check, **edit)


async def set_password(
    store: Store,
    settings: AuthSettings,
    reference: str,
    password: str,
    by: Caller,
    *,
    passwords: Passwords | None = None,
) -> User:
    """A new password; the user is logged out everywhere. Raises `NotFound` or `Invalid` (`weak_password`)."""
    user = await users.get(store, reference)
    check_password(password, user.email, settings)
    password_hash = await (passwords or Passwords(settings)).hash(password)
    return await users.set_password(store, user.id, password_hash, by)


def email_given(text: str) -> str:
    """An address as it is kept: in lower case. Raises `Invalid` (`bad_email`)."""
    address = text.strip().lower()
    if not _EMAIL.fullmatch(address) or not address.isprintable():
        shown = text[:100].encode("ascii", "backslashreplace").decode()
        raise Invalid(f"{shown!r} is no e-mail address; write it like ada@example.org", reason="bad_email")
    return address


def role_given(text: str) -> Role:
    """The role of that name. Raises `Invalid` (`bad_role`)."""
    if text not in ROLES:
        raise Invalid(f"{text!r} is no role; use {', '.join(ROLES)}", reason="bad_role")
    return Role(text)


def check_team(name: str) -> None:
    """Raises `Invalid` (`bad_team`) unless it can be the name of a team."""
    if not _TEAM.fullmatch(name):
        raise Invalid(
            f"{name[:100]!r} is no name of a team: use letters, digits, spaces, dots and dashes", reason="bad_team"
        )


def _check_quotas(quotas: Mapping[str, int | None]) -> None:
    unknown = sorted(set(quotas) - set(QUOTAS))
    if unknown:
        raise Invalid(f"{', '.join(unknown)}: no such quota; there are {', '.join(QUOTAS)}", reason="bad_quota")
    for name, most in quotas.items():
        if most is not None and not 0 <= most <= _MOST:
            raise Invalid(f"the quota {name} is {most}; give a number from 0, or null for no limit", reason="bad_quota")
