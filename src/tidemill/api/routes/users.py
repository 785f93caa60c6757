"""Users, for admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from tidemill.api.openapi import problems
from tidemill.api.respond import answer, require_json
from tidemill.api.schemas.account import NewPassword, NewUser, UserAnswer, UserChange, UserList, user_body
from tidemill.app import App
from tidemill.http.scopes import caller
from tidemill.manage import users as manage
from tidemill.models.account import Role
from tidemill.store import users

_PREFIX = "/api/v1/users"
UserId = Annotated[str, Path(max_length=320, description="The identifier or address of a user")]


def routes(app: App) -> APIRouter:
    """Everything below /api/v1/users."""
    router = APIRouter(prefix=_PREFIX, tags=["accounts"])

    @router.get("", response_model=UserList, responses=problems())
    async def list_users() -> Response:
        """All users by address."""
        return answer({"items": [user_body(user) for user in await users.listed(app.store)]})

    @router.post(
        "",
        status_code=201,
        response_model=UserAnswer,
        responses=problems(403, 409, 413, 415, 422),
        dependencies=[Depends(require_json)],
    )
    async def create_user(given: NewUser, request: Request) -> Response:
        """Make a user."""
        user = await manage.create(
            app.store,
            app.settings.auth,
            given.email,
            given.password.get_secret_value(),
            caller(request.scope),
            role=Role(given.role),
            team=given.team,
            passwords=app.logins.passwords,
        )
        return answer(user_body(user), 201, {"Location": f"{_PREFIX}/{user.id}"})

    @router.get("/{user_id}", response_model=UserAnswer, responses=problems(404, 422))
    async def get_user(user_id: UserId) -> Response:
        """One user."""
        return answer(user_body(await users.get(app.store, user_id)))

    @router.patch(
        "/{user_id}",
        response_model=UserAnswer,
        responses=problems(403, 404, 409, 413, 415, 422),
        dependencies=[Depends(require_json)],
    )
    async def change_user(user_id: UserId, given: UserChange, request: Request) -> Response:
        """Change a user's role, team or quotas, or disable them. It takes effect within 5 s."""
        user = await manage.change(
            app.store,
            user_id,
            caller(request.scope),
            role=Role(given.role) if given.role else None,
            active=given.active,
            team=given.team,
            quotas=given.quotas.model_dump(exclude_unset=True) if given.quotas is not None else None,
        )
        return answer(user_body(user))

    @router.put(
        "/{user_id}/password",
        status_code=204,
        responses=problems(403, 404, 413, 415, 422),
        dependencies=[Depends(require_json)],
    )
    async def set_user_password(user_id: UserId, given: NewPassword, request: Request) -> Response:
        """Give a user a new password; they are logged out everywhere."""
        password = given.password.get_secret_value()
        by, passwords = caller(request.scope), app.logins.passwords
        await manage.set_password(app.store, app.settings.auth, user_id, password, by, passwords=passwords)
        return Response(status_code=204)

    return router
