"""Users, keys, tokens and the audit log. No secret here opens anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemill.api.examples.names import HASH, PREFIX, USER

_PASSWORD = "a tide mill turns twice a day"  # pragma: allowlist secret # noqa: S105 - an example
_NEW_PASSWORD = "seven herons stand in the mud"  # pragma: allowlist secret # noqa: S105 - an example
_ADA = {
    "id": USER,
    "email": "ada@example.org",
    "role": "operator",
    "active": True,
    "team": "harbour",
    "quotas": {"pages_per_day": 50000},
    "created_at": "2026-11-01T08:00:00Z",
    "last_login_at": "2026-11-23T08:15:00Z",
}
_KEY = {
    "prefix": PREFIX,
    "name": "ci",
    "role": "viewer",
    "scopes": ["documents:read"],
    "user": "ada@example.org",
    "created_at": "2026-11-23T08:20:00Z",
    "expires_at": "2027-11-23T08:20:00Z",
    "last_used_at": None,
    "revoked_at": None,
    "replaced_by": None,
}
_LINE = {
    "id": 17,
    "at": "2026-11-23T08:20:00Z",
    "actor": "user:ada@example.org",
    "action": "key.create",
    "target": PREFIX,
    "detail": {"name": "ci", "role": "viewer"},
    "request_id": "01a205a0-0d1e-7f2a-8b3c-4d5e6f708192",
    "address": "192.0.2.7",
    "previous_hash": HASH,
    "hash": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",  # pragma: allowlist secret
}

LOGIN = {"grant_type": "password", "username": "ada@example.org", "password": _PASSWORD}
REFRESH = {"refresh_token": "kept-by-the-client-and-good-once"}  # pragma: allowlist secret
"""Forms, which have no shape of their own."""

PEOPLE: Mapping[str, Mapping[str, Any]] = {
    "NewUser": {"email": "ada@example.org", "password": _PASSWORD, "role": "operator", "team": "harbour"},
    "UserChange": {"role": "admin", "quotas": {"pages_per_day": 50000}},
    "NewPassword": {"password": _NEW_PASSWORD},
    "OwnPassword": {"current": _PASSWORD, "new": _NEW_PASSWORD},
    "UserAnswer": _ADA,
    "UserList": {"items": [_ADA], "next": None},
    "NewKey": {
        "name": "ci",
        "role": "viewer",
        "scopes": ["documents:read"],
        "expires_at": "2027-11-23T08:20:00Z",
    },
    "KeyRotation": {"overlap_s": 3600},
    "KeyAnswer": _KEY,
    "MadeKey": {**_KEY, "key": f"tdm_{PREFIX}_not-a-key-that-opens-anything"},
    "KeyList": {"items": [_KEY], "next": None},
    "TokenAnswer": {
        "access_token": "eyJhbGciOiJFZERTQSJ9.….…",
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": "documents:read runs:read",
        "refresh_token": "kept-by-the-client-and-good-once",
    },
    "TokenProblem": {"error": "invalid_grant", "error_description": "the user name or the password is wrong"},
    "Me": {
        "name": "user:ada@example.org",
        "role": "operator",
        "scopes": ["documents:read", "runs:read"],
        "user": _ADA,
        "quotas": {"sources": None, "pages_per_day": 50000, "documents": None, "exports_per_day": None},
        "used": {"sources": 1, "pages_per_day": 124, "documents": 120, "exports_per_day": 1},
        "expires_at": "2026-11-23T09:15:00Z",
    },
    "AuditPage": {"items": [_LINE], "next": None},
}
