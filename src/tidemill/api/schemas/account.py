"""Users, keys, tokens and the audit log as the API takes and gives them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from tidemill.models.account import Caller, User
from tidemill.models.audit import AuditLine
from tidemill.store.accounts import ApiKey

RoleName = Literal["viewer", "operator", "admin"]
Email = Annotated[str, Field(min_length=3, max_length=320, examples=["ada@example.org"])]
Password = Annotated[SecretStr, Field(min_length=1, max_length=1024, description="At least `auth.min_password_length`")]
Quota = Annotated[int | None, Field(default=None, ge=0, le=2**53, description="null: no limit")]


def _in_utc(at: datetime | None) -> datetime | None:
    try:
        return at if at is None else at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the time is too far away") from error


Moment = Annotated[datetime | None, AfterValidator(_in_utc)]
Expiry = Annotated[Moment, Field(description="A time without a zone is in UTC")]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class NewUser(_Given):
    """A person who may log in."""

    email: Email
    password: Password
    role: RoleName = "viewer"
    team: str | None = Field(None, max_length=100, description="It is made if it is not there yet")


class Quotas(_Given):
    """The quotas of one user that differ from the settings'."""

    sources: Quota
    pages_per_day: Quota
    documents: Quota
    exports_per_day: Quota


class UserChange(_Given):
    """What is to be changed of a user; what is left out stays."""

    role: RoleName | None = None
    active: bool | None = None
    team: str | None = Field(None, max_length=100, description='"": none')
    quotas: Quotas | None = Field(None, description="All of them; what is left out is as in the settings")


class NewPassword(_Given):
    """A new password for a user."""

    password: Password


class OwnPassword(_Given):
    """A new password for oneself."""

    current: Password
    new: Password


class UserAnswer(BaseModel):
    """A user."""

    id: str
    email: str
    role: RoleName
    active: bool
    team: str | None
    quotas: dict[str, int | None]
    created_at: datetime
    last_login_at: datetime | None


class UserList(BaseModel):
    """A page of users by address; `next` is the path of the next one."""

    items: list[UserAnswer]
    next: str | None


class NewKey(_Given):
    """A key to be made. `user` is for admins; everybody else makes keys of their own."""

    name: str = Field(min_length=1, max_length=200, examples=["ci"])
    role: RoleName | None = Field(None, description="Default: that of who makes it; the user's role bounds it")
    scopes: list[Annotated[str, Field(max_length=50)]] = Field([], max_length=50, description="[]: all of the role's")
    expires_at: Expiry = None
    user: str | None = Field(
        None, max_length=320, description="Whose it is (identifier or address). Left out: one's own; null: nobody's"
    )


class KeyRotation(_Given):
    """How a key is replaced."""

    overlap_s: float | None = Field(None, ge=0, le=31_536_000, description="Default: `auth.key_overlap_s`")
    expires_at: Expiry = Field(None, description="Of the new key. Default: as far away as the old one's was")


class KeyAnswer(BaseModel):
    """A key as it is kept."""

    prefix: str
    name: str
    role: RoleName
    scopes: list[str]
    user: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute")
    revoked_at: datetime | None
    replaced_by: str | None


class MadeKey(KeyAnswer):
    """A new key; `key` is shown this once."""

    key: str


class KeyList(BaseModel):
    """A page of keys, the oldest first; `next` is the path of the next one."""

    items: list[KeyAnswer]
    next: str | None


class TokenAnswer(BaseModel):
    """What a login gives (RFC 6749, 5.1)."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str
    refresh_token: str | None = Field(None, description="Not for clients that log in with an API key")


class TokenProblem(BaseModel):
    """Why there is no token (RFC 6749, 5.2)."""

    error: str
    error_description: str


class Me(BaseModel):
    """Who asks, and what they may do."""

    name: str
    role: RoleName
    scopes: list[str]
    user: UserAnswer | None
    quotas: dict[str, int | None] | None
    used: dict[str, int] | None
    expires_at: datetime | None


class AuditEntry(BaseModel):
    """A line of the audit log."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str | None
    detail: dict[str, Any]
    request_id: str | None
    address: str | None
    previous_hash: str
    hash: str


class AuditPage(BaseModel):
    """Lines of the audit log, the newest first. Follow `next` until it is null."""

    items: list[AuditEntry]
    next: str | None


def user_body(user: User) -> dict[str, Any]:
    """A user as the API gives it."""
    names = ("id", "email", "role", "active", "team", "created_at", "last_login_at")
    return {name: getattr(user, name) for name in names} | {"quotas": dict(user.quotas)}


def key_body(key: ApiKey, clear: str | None = None) -> dict[str, Any]:
    """A key as the API gives it, with the key itself if it was made just now."""
    names = ("prefix", "name", "role", "scopes", "user", "created_at", "expires_at", "last_used_at", "revoked_at")
    body = {name: getattr(key, name) for name in (*names, "replaced_by")}
    return body | ({} if clear is None else {"key": clear})


def me_body(
    caller: Caller, user: User | None, quotas: dict[str, int | None] | None, used: dict[str, int] | None
) -> dict[str, Any]:
    """Who asks as the API gives it."""
    return {
        "name": caller.name,
        "role": caller.role,
        "scopes": sorted(caller.scopes),
        "user": user_body(user) if user else None,
        "quotas": quotas,
        "used": used,
        "expires_at": caller.expires_at,
    }


def audit_body(line: AuditLine) -> dict[str, Any]:
    """A line as the API gives it."""
    return asdict(line)
