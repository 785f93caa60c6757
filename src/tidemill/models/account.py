"""Accounts: who may ask for something, in which role, and what each role may do.

`Caller` is who stands behind a request or a command. The edges (HTTP, command line) make it; the verbs ask it, and the
audit log names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TypedDict


class Role(StrEnum):
    """Each may do what those before it may, and more."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Higher may do more."""
        return tuple(Role).index(self)


ROLES: tuple[str, ...] = tuple(role.value for role in Role)

_VIEWER = frozenset(
    ["documents:read", "sources:read", "runs:read", "events:read", "statistics:read", "exports:write", "keys:write"]
)
_OPERATOR = _VIEWER | frozenset(
    ["sources:write", "runs:write", "documents:write", "dead-letters:read", "dead-letters:write", "metrics:read"]
)
_ADMIN = _OPERATOR | frozenset(["users:read", "users:write", "audit:read"])
SCOPES_OF: Mapping[Role, frozenset[str]] = MappingProxyType(
    {Role.VIEWER: _VIEWER, Role.OPERATOR: _OPERATOR, Role.ADMIN: _ADMIN}
)
"""What each role may do."""
SCOPES: tuple[str, ...] = tuple(sorted(_ADMIN))
"""All scopes there are."""

QUOTAS: tuple[str, ...] = ("sources", "pages_per_day", "documents", "exports_per_day")
"""What a user may have only so much of."""


@dataclass(frozen=True, slots=True)
class User:
    """A person. `quotas` are those that differ from the settings; `None` there means no limit."""

    id: str
    email: str
    role: Role
    active: bool
    created_at: datetime
    team_id: str | None = None
    team: str | None = None
    quotas: Mapping[str, int | None] = field(default_factory=dict)
    last_login_at: datetime | None = None


class UserEdit(TypedDict, total=False):
    """What is to be changed of a user; what is left out, or `None`, stays. An empty `team` means none, `quotas` replace
    all."""

    role: Role | None
    active: bool | None
    team: str | None
    quotas: Mapping[str, int | None] | None


@dataclass(frozen=True, slots=True)
class Team:
    """People who own things together."""

    id: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `name` is what the audit log calls them: `user:ada@example.org`, `key:1f0c…`, `loopback`, `cli:root`.

    `scopes` are what they may do, already bounded by `role`. `user_id` is the person behind it, if there is one;
    `key_id` and `session_id` say by what they were recognised. `request_id` and `address` are those of the request.
    """

    name: str
    role: Role
    scopes: frozenset[str]
    user_id: str | None = None
    team_id: str | None = None
    key_id: str | None = None
    session_id: str | None = None
    expires_at: datetime | None = None
    request_id: str | None = None
    address: str | None = None

    def __str__(self) -> str:
        return self.name

    def may(self, scope: str) -> bool:
        """Whether the caller has this scope."""
        return scope in self.scopes

    @property
    def is_admin(self) -> bool:
        """Whether nothing that others own is closed to them."""
        return self.role is Role.ADMIN

    def may_edit(self, owner_id: str | None, team_id: str | None) -> bool:
        """Whether they may change what this user or this team owns. What nobody owns is everybody's to edit."""
        if self.is_admin or (owner_id is None and team_id is None):
            return True
        return (owner_id is not None and owner_id == self.user_id) or (team_id is not None and team_id == self.team_id)


def caller_of(name: str, role: Role) -> Caller:
    """A caller who may do all that the role may and is no user: the command line, loopback, keys of the settings."""
    return Caller(name, role, SCOPES_OF[role])


STRANGER = Caller("anonymous", Role.VIEWER, frozenset())
"""Who has not shown who they are."""


def lesser(one: Role, other: Role) -> Role:
    """The one of two roles that may do less."""
    return min(one, other, key=lambda role: role.rank)


def bounded(role: Role, scopes: tuple[str, ...]) -> frozenset[str]:
    """What may be done with these scopes in this role; no scopes at all stand for all of the role's."""
    return SCOPES_OF[role] & frozenset(scopes) if scopes else SCOPES_OF[role]
