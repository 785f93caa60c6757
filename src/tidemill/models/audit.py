"""The audit log: what is to be told, a line of it, and the hash that chains the line to the one before.

Rooms that change something make a `Note`; `store.audit` makes lines of them, in the transaction of the change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

FIRST_HASH = "0" * 64
"""What stands for the hash of the line before the first one."""


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be told of something that was done: `key.create` of the key `1f0c…`, with more in `detail`."""

    action: str
    target: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditLine:
    """Who did what to which thing, and when. `detail` never holds a secret."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str | None
    detail: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    address: str | None = None
    previous_hash: str = FIRST_HASH
    hash: str = ""

    def expected_hash(self) -> str:
        """The hash that the line must have if nobody has changed it."""
        return chained_hash(
            self.previous_hash,
            at=self.at,
            actor=self.actor,
            action=self.action,
            target=self.target,
            detail=self.detail,
            request_id=self.request_id,
            address=self.address,
        )


def chained_hash(
    previous: str,
    *,
    at: datetime,
    actor: str,
    action: str,
    target: str | None,
    detail: Mapping[str, Any],
    request_id: str | None = None,
    address: str | None = None,
) -> str:
    """The SHA-256 over the hash before and every value. Lines of before requests were noted are hashed without them."""
    said: list[Any] = [previous, at.astimezone(UTC).isoformat(), actor, action, target, dict(detail)]
    if request_id is not None or address is not None:
        said += [request_id, address]
    return sha256(json.dumps(said).encode()).hexdigest()
