"""API keys: one's own, and for admins all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from tidemill.api.openapi import problems
from tidemill.api.respond import answer, require_json
from tidemill.api.schemas.account import KeyAnswer, KeyList, KeyRotation, MadeKey, NewKey, key_body
from tidemill.app import App
from tidemill.http.scopes import caller
from tidemill.manage import accounts as manage
from tidemill.models.account import Caller, Role
from tidemill.store import accounts

_PREFIX = "/api/v1/keys"
Prefix = Annotated[str, Path(max_length=64, description="What names the key: `tdm_<prefix>_…`")]


def routes(app: App) -> APIRouter:
    """Everything below /api/v1/keys."""
    router = APIRouter(prefix=_PREFIX, tags=["accounts"])

    @router.get("", response_model=KeyList, responses=problems())
    async def list_keys(request: Request) -> Response:
        """The caller's keys, or for admins all, the oldest first."""
        found = await accounts.list_keys(app.store, _whose(caller(request.scope)))
        return answer({"items": [key_body(key) for key in found]})

    @router.post(
        "",
        status_code=201,
        response_model=MadeKey,
        responses=problems(403, 404, 413, 415, 422),
        dependencies=[Depends(require_json)],
    )
    async def create_key(given: NewKey, request: Request) -> Response:
        """Make a key. It is shown in this answer and never again."""
        by = caller(request.scope)
        role = Role(given.role) if given.role else by.role
        key, clear = await manage.create_key(
            app.store,
            given.name,
            by=by,
            role=role,
            scopes=given.scopes,
            expires_at=given.expires_at,
            user=given.user if "user" in given.model_fields_set else by.user_id,
        )
        return answer(key_body(key, clear), 201, {"Location": f"{_PREFIX}/{key.prefix}"})

    @router.get("/{prefix}", response_model=KeyAnswer, responses=problems(404, 422))
    async def get_key(prefix: Prefix, request: Request) -> Response:
        """One key, without its secret, which nobody has."""
        return answer(key_body(await accounts.get_key(app.store, prefix, _whose(caller(request.scope)))))

    @router.post(
        "/{prefix}/rotate",
        status_code=201,
        response_model=MadeKey,
        responses=problems(403, 404, 409, 413, 415, 422),
        dependencies=[Depends(require_json)],
    )
    async def rotate_key(prefix: Prefix, given: KeyRotation, request: Request) -> Response:
        """Make a key like this one, which goes on working for a while."""
        overlap_s = app.settings.auth.key_overlap_s if given.overlap_s is None else given.overlap_s
        key, clear = await manage.rotate_key(
            app.store,
            prefix,
            caller(request.scope),
            overlap=timedelta(seconds=overlap_s),
            expires_at=given.expires_at,
        )
        return answer(key_body(key, clear), 201, {"Location": f"{_PREFIX}/{key.prefix}"})

    @router.delete("/{prefix}", status_code=204, responses=problems(403, 404, 422))
    async def revoke_key(prefix: Prefix, request: Request) -> Response:
        """End a key for good, within 5 s everywhere. Revoking it again changes nothing."""
        by = caller(request.scope)
        await accounts.get_key(app.store, prefix, _whose(by))
        await accounts.revoke_key(app.store, prefix, by)
        return Response(status_code=204)

    return router


def _whose(by: Caller) -> str | None:
    """The user whose keys these may be; `None`: anybody's. Who is no user has none."""
    return None if by.is_admin else by.user_id or ""
