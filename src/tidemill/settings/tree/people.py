"""Who may log in, and what each may have."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from tidemill.settings.tree.group import Group


class AuthSettings(Group):
    """Users, their passwords and the tokens they get for them."""

    secret: SecretStr | None = Field(
        None,
        description="What access tokens are signed with, the same on every machine; empty: a key in the data folder",
    )
    old_secrets: Annotated[tuple[SecretStr, ...], Field(description="Former secrets whose tokens still hold")] = ()
    issuer: str = Field("tidemill", min_length=1, description="Who issues access tokens (`iss`)")
    audience: str = Field("tidemill-api", min_length=1, description="Whom they are for (`aud`)")
    access_s: int = Field(900, ge=60, le=3600, description="How long an access token is good for")
    refresh_s: int = Field(
        1_209_600, ge=600, le=31_536_000, description="How long a login lasts, however often it is refreshed"
    )
    min_password_length: int = Field(12, ge=8, le=128, description="Characters of a new password")
    argon2_passes: int = Field(3, ge=1, le=100, description="Passes of argon2id over its memory")
    argon2_memory_kib: int = Field(65_536, ge=64, le=4_194_304, description="Memory of one argon2id hash")
    argon2_lanes: int = Field(4, ge=1, le=64, description="Lanes of argon2id")
    login_failures: int = Field(5, ge=1, le=1000, description="Wrong passwords of an account before it has to wait")
    address_failures: int = Field(20, ge=1, le=10_000, description="Failed logins from an address before it has to")
    login_pause_s: float = Field(900.0, ge=1, le=86_400, description="Longest wait after failed logins")
    key_overlap_s: float = Field(86_400.0, ge=0, description="How long a rotated API key goes on working")
    loopback_role: Literal["none", "viewer", "operator", "admin"] = Field(
        "operator",
        description="Role of who asks on loopback without credentials; `none`, needed behind any proxy: nobody's",
    )


class QuotaSettings(Group):
    """What each user may have, unless they were given quotas of their own; 0: no limit."""

    sources: int = Field(0, ge=0, description="Sources that a user owns")
    pages_per_day: int = Field(0, ge=0, description="Pages that runs of a user fetch in a day (UTC)")
    documents: int = Field(0, ge=0, description="Documents in sources of a user, above which no run begins")
    exports_per_day: int = Field(0, ge=0, description="Exports that a user starts in a day (UTC)")
