"""Users, for admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from tidemill.api.openapi import problems
from tidemill.api.paging import Cursor, page, position
from tidemill.api.respond import require_json
from tidemill.api.revisions import IfMatch, precondition, tagged, user_edition
from tidemill.api.schemas.account import NewPassword, NewUser, UserAnswer, UserChange, UserList, user_body
from tidemill.app import App
from tidemill.http.scopes import caller
from tidemill.manage import users as manage
from tidemill.models.account import Role, User
from tidemill.store import users

_PREFIX = "/api/v1/users"
UserId = Annotated[str, Path(max_length=320, description="The identifier or address of a user")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Users on this page")]


def routes(app: App) -> APIRouter:
    """Everything below /api/v1/users."""
    router = APIRouter(prefix=_PREFIX, tags=["accounts"])
    on = _Users(app)
    with_body = [Depends(require_json)]
    router.get("", response_model=UserList, responses=problems(422))(on.list_users)
    refused = problems(403, 409, 413, 415, 422)
    router.post("", status_code=201, response_model=UserAnswer, responses=refused, dependencies=with_body)(
        on.create_user
    )
    router.get("/{user_id}", response_model=UserAnswer, responses=problems(404, 422))(on.get_user)
    refused = problems(403, 404, 409, 412, 413, 415, 422)
    router.patch("/{user_id}", response_model=UserAnswer, responses=refused, dependencies=with_body)(on.change_user)
    refused = problems(403, 404, 413, 415, 422)
    router.put("/{user_id}/password", status_code=204, responses=refused, dependencies=with_body)(on.set_user_password)
    return router


class _Users:
    """The handlers, over one house."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def list_users(self, request: Request, cursor: Cursor = None, limit: Limit = 100) -> Response:
        """All users by address. Follow `next` until it is null."""
        key = position(request, cursor, str)
        found = await users.listed(self._app.store, after=str(key[0]) if key else None, limit=limit + 1)
        return page(request, found, limit, key=lambda user: (user.email,), body=user_body)

    async def create_user(self, given: NewUser, request: Request) -> Response:
        """Make a user."""
        user = await manage.create(
            self._app.store,
            self._app.settings.auth,
            given.email,
            given.password.get_secret_value(),
            caller(request.scope),
            role=Role(given.role),
            team=given.team,
            passwords=self._app.logins.passwords,
        )
        return _answer(request, user, 201)

    async def get_user(self, user_id: UserId, request: Request) -> Response:
        """One user."""
        return _answer(request, await users.get(self._app.store, user_id))

    async def change_user(
        self, user_id: UserId, given: UserChange, request: Request, if_match: IfMatch = None
    ) -> Response:
        """Change a user's role, team or quotas, or disable them. It takes effect within 5 s."""
        wanted = precondition(if_match)
        user = await manage.change(
            self._app.store,
            user_id,
            caller(request.scope),
            role=Role(given.role) if given.role else None,
            active=given.active,
            team=given.team,
            quotas=given.quotas.model_dump(exclude_unset=True) if given.quotas is not None else None,
            check=lambda user: wanted.check(user_edition(user)),
        )
        return _answer(request, user)

    async def set_user_password(self, user_id: UserId, given: NewPassword, request: Request) -> Response:
        """Give a user a new password; they are logged out everywhere."""
        password = given.password.get_secret_value()
        settings, by, passwords = self._app.settings.auth, caller(request.scope), self._app.logins.passwords
        await manage.set_password(self._app.store, settings, user_id, password, by, passwords=passwords)
        return Response(status_code=204)


def _answer(request: Request, user: User, status: int = 200) -> Response:
    headers = {"Location": f"{_PREFIX}/{user.id}"} if status == 201 else {}
    return tagged(request, user_body(user), edition=user_edition(user), status=status, headers=headers)
