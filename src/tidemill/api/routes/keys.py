"""API keys: one's own, and for admins all of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from tidemill.api.openapi import problems
from tidemill.api.paging import Cursor, page, position
from tidemill.api.respond import answer, require_json
from tidemill.api.revisions import tagged
from tidemill.api.schemas.account import KeyAnswer, KeyList, KeyRotation, MadeKey, NewKey, key_body
from tidemill.app import App
from tidemill.http.scopes import caller
from tidemill.manage import accounts as manage
from tidemill.models.account import Caller, Role
from tidemill.store import accounts
from tidemill.store.accounts import ApiKey

PREFIX = "/api/v1/keys"
Prefix = Annotated[str, Path(max_length=64, description="What names the key: `tdm_<prefix>_…`")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Keys on this page")]


def routes(app: App) -> APIRouter:
    """Everything below /api/v1/keys."""
    router = APIRouter(prefix=PREFIX, tags=["accounts"])
    on = _Keys(app)
    with_body = [Depends(require_json)]
    router.get("", response_model=KeyList, responses=problems(422))(on.list_keys)
    refused = problems(403, 404, 413, 415, 422)
    router.post("", status_code=201, response_model=MadeKey, responses=refused, dependencies=with_body)(on.create_key)
    router.get("/{prefix}", response_model=KeyAnswer, responses=problems(404, 422))(on.get_key)
    refused = problems(403, 404, 409, 413, 415, 422)
    router.post("/{prefix}/rotate", status_code=201, response_model=MadeKey, responses=refused, dependencies=with_body)(
        on.rotate_key
    )
    router.delete("/{prefix}", status_code=204, responses=problems(403, 404, 422))(on.revoke_key)
    return router


class _Keys:
    """The handlers, over one house."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def list_keys(self, request: Request, cursor: Cursor = None, limit: Limit = 100) -> Response:
        """The caller's keys, or for admins all, the oldest first. Follow `next` until it is null."""
        after = cast("tuple[datetime, str] | None", position(request, cursor, datetime, str))
        whose = _whose(caller(request.scope))
        found = await accounts.list_keys(self._app.store, whose, after=after, limit=limit + 1)
        return page(request, found, limit, key=lambda key: (key.created_at, key.id), body=key_body)

    async def create_key(self, given: NewKey, request: Request) -> Response:
        """Make a key. It is shown in this answer and never again."""
        by = caller(request.scope)
        key, clear = await manage.create_key(
            self._app.store,
            given.name,
            by=by,
            role=Role(given.role) if given.role else by.role,
            scopes=given.scopes,
            expires_at=given.expires_at,
            user=given.user if "user" in given.model_fields_set else by.user_id,
        )
        return _made(key, clear)

    async def get_key(self, prefix: Prefix, request: Request) -> Response:
        """One key, without its secret, which nobody has."""
        key = await accounts.get_key(self._app.store, prefix, _whose(caller(request.scope)))
        return tagged(request, key_body(key))

    async def rotate_key(self, prefix: Prefix, given: KeyRotation, request: Request) -> Response:
        """Make a key like this one, which goes on working for a while."""
        overlap_s = self._app.settings.auth.key_overlap_s if given.overlap_s is None else given.overlap_s
        key, clear = await manage.rotate_key(
            self._app.store,
            prefix,
            caller(request.scope),
            overlap=timedelta(seconds=overlap_s),
            expires_at=given.expires_at,
        )
        return _made(key, clear)

    async def revoke_key(self, prefix: Prefix, request: Request) -> Response:
        """End a key for good, within 5 s everywhere. Revoking it again changes nothing."""
        by = caller(request.scope)
        await accounts.get_key(self._app.store, prefix, _whose(by))
        await accounts.revoke_key(self._app.store, prefix, by)
        return Response(status_code=204)


def _made(key: ApiKey, clear: str) -> Response:
    return answer(key_body(key, clear), 201, {"Location": f"{PREFIX}/{key.prefix}"})


def _whose(by: Caller) -> str | None:
    """The user whose keys these may be; `None`: anybody's. Who is no user has none."""
    return None if by.is_admin else by.user_id or ""
