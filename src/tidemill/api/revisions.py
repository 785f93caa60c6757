"""Entity tags: what a caller has read already is not sent again, what was changed since is not overwritten (RFC 9110).

In: a request and what it asks for. Out: `tagged`, an answer with `ETag` or a 304, and `precondition`, what `If-Match`
and `If-None-Match` demand of the thing before it is changed. Called by the routes of single things.

A tag is `"<edition>.<digest>"`. All of it is compared for 304. For edits the edition counts, which changes with what
can be edited and not with what is only counted: a crawl that adds documents does not spoil the edit of its source.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Any

from fastapi import Header, Request
from fastapi.responses import Response

from tidemill.api.respond import answer
from tidemill.errors import Changed
from tidemill.models.account import User
from tidemill.models.source import Source

_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e]*)"')
_KEPT = {"Cache-Control": "private, no-cache", "Vary": "Authorization, X-API-Key"}

IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="The `ETag` that was read, or `*`: else 412, and nothing is done")
]
IfNew = Annotated[
    str | None, Header(alias="If-None-Match", description="`*`: only if there is no such thing yet, else 412")
]


def tagged(
    request: Request, body: Any, *, edition: str = "", status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`body` as JSON under its tag, which caches may keep and must ask about; a 304 if the caller has it already.

    A proxy that compresses may have made the tag a weak one: that is the same tag here.
    """
    made = answer(body)
    digest = urlsafe_b64encode(blake2b(bytes(made.body), digest_size=12).digest()).decode()
    tag = f"{edition}.{digest}"
    kept = {**_KEPT, "ETag": f'"{tag}"', **(headers or {})}
    seen = request.headers.get("if-none-match", "")
    if request.method == "GET" and (seen.strip() == "*" or tag in _tags(seen)):
        return Response(status_code=304, headers=kept)
    return Response(made.body, status, kept, media_type=made.media_type)


@dataclass(frozen=True, slots=True)
class Precondition:
    """What a caller demands of a thing before it is changed. `editions`: it must be one of these; `None`: any."""

    editions: frozenset[str] | None = None
    must_exist: bool = False
    must_be_new: bool = False

    def check(self, edition: str | None) -> None:
        """Raises `Changed` if the thing, as it stands in this edition (`None`: not at all), is not what is demanded."""
        if self.must_be_new and edition is not None:
            raise Changed("it is there already, and If-None-Match says that it must not be")
        if edition is None and (self.must_exist or self.editions is not None):
            raise Changed("it is not there any more, and If-Match says that it must be")
        if self.editions is not None and edition not in self.editions:
            raise Changed("it was changed since you have read it: read it again, and send its new ETag as If-Match")


def precondition(if_match: str | None, if_none_match: str | None = None) -> Precondition:
    """What these headers demand."""
    is_any = if_match is not None and if_match.strip() == "*"
    named = None if if_match is None or is_any else frozenset(tag.partition(".")[0] for tag in _tags(if_match))
    return Precondition(named, is_any, if_none_match is not None and if_none_match.strip() == "*")


def source_edition(source: Source | None) -> str | None:
    """The edition of a source: its version."""
    return None if source is None else f"v{source.version}"


def user_edition(user: User) -> str:
    """The edition of a user: what an admin can change."""
    what = repr((user.email, user.role.value, user.active, user.team, sorted(user.quotas.items())))
    return blake2b(what.encode(), digest_size=6).hexdigest()


def _tags(text: str) -> frozenset[str]:
    return frozenset(_TAG.findall(text))
