"""Dead letters: what could not be processed, and what is to become of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from tidemill.api.openapi import problems
from tidemill.api.paging import Cursor, page, position
from tidemill.api.respond import answer, require_json
from tidemill.api.revisions import tagged
from tidemill.api.schemas.account import Moment
from tidemill.api.schemas.deadletter import (
    DeadLetterGroups,
    DeadLetterPage,
    FullDeadLetter,
    LetterSelection,
    MovedLetters,
    State,
    full_letter,
    group_list,
    letter_body,
    moved_body,
)
from tidemill.app import App
from tidemill.errors import Invalid
from tidemill.http.scopes import caller
from tidemill.manage import deadletters as manage
from tidemill.store import deadletters
from tidemill.store.deadletters import UNSETTLED, Moved, Wanted

States = Annotated[list[State] | None, Query(alias="state", description="Default: open and replayed")]
Source = Annotated[str | None, Query(max_length=4096, description="Only of this source")]
Reason = Annotated[str | None, Query(max_length=200, description="Only with this reason")]
Group = Annotated[str | None, Query(min_length=1, max_length=64, description="Only of this cause")]
Since = Annotated[Moment, Query(description="Dead since then; a time without a zone is in UTC")]
After = Annotated[str | None, Query(max_length=64, description="Use `cursor`", deprecated=True)]
Limit = Annotated[int, Query(ge=1, le=1000, description="Letters on this page")]


def routes(app: App) -> APIRouter:
    """Everything below /api/v1/dead-letters."""
    router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"])
    on = _DeadLetters(app)
    router.get("", response_model=DeadLetterPage, responses=problems(404, 422))(on.list_dead_letters)
    router.get("/groups", response_model=DeadLetterGroups, responses=problems(404, 422))(on.list_dead_letter_groups)
    for path, handler in (("/replay", on.replay_dead_letters), ("/discard", on.discard_dead_letters)):
        refused = problems(403, 404, 413, 415, 422)
        router.post(path, response_model=MovedLetters, responses=refused, dependencies=[Depends(require_json)])(handler)
    router.get("/{letter_id}", response_model=FullDeadLetter, responses=problems(404))(on.get_dead_letter)
    for path, handling in (("replay", on.replay_dead_letter), ("discard", on.discard_dead_letter)):
        refused = problems(403, 404, 409, 422)
        router.post(f"/{{letter_id}}/{path}", response_model=MovedLetters, responses=refused)(handling)
    return router


class _DeadLetters:
    """The handlers, over one house."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def list_dead_letters(
        self,
        request: Request,
        states: States = None,
        source: Source = None,
        reason: Reason = None,
        group: Group = None,
        since: Since = None,
        cursor: Cursor = None,
        after: After = None,
        limit: Limit = 100,
    ) -> Response:
        """What could not be processed, by identifier, which is by time. Follow `next` until it is null."""
        key = position(request, cursor, str)
        wanted = await self._wanted(states, source, reason, group, since)
        behind = str(key[0]) if key else after
        found = await deadletters.listed(self._app.store, wanted, after=behind, limit=limit + 1)
        return page(request, found, limit, key=lambda letter: (letter.id,), body=letter_body)

    async def list_dead_letter_groups(
        self, states: States = None, source: Source = None, reason: Reason = None, since: Since = None
    ) -> Response:
        """The causes of dead letters, the most frequent first: the same exception at the same place."""
        wanted = await self._wanted(states, source, reason, None, since)
        return answer(group_list(await deadletters.groups(self._app.store, wanted)))

    async def replay_dead_letters(self, given: LetterSelection, request: Request) -> Response:
        """Put captures back into the queue. Done twice it is done once; a processor does the work."""
        return answer(moved_body(await self._replay(await self._chosen(given), request)))

    async def discard_dead_letters(self, given: LetterSelection, request: Request) -> Response:
        """Give letters up. They are kept, with who discarded them and when, and may be replayed still."""
        chosen = await self._chosen(given)
        return answer(moved_body(await manage.discard(self._app.store, chosen, caller(request.scope))))

    async def get_dead_letter(self, letter_id: str, request: Request) -> Response:
        """One letter with its trace, and whether its bytes are still in the archive."""
        letter = await deadletters.get(self._app.store, letter_id)
        return tagged(request, full_letter(letter, await self._app.archive.exists(letter.body_hash)))

    async def replay_dead_letter(self, letter_id: str, request: Request) -> Response:
        """Put one capture back into the queue."""
        letter = await deadletters.get(self._app.store, letter_id)
        return answer(moved_body(await self._replay([letter.id], request)))

    async def discard_dead_letter(self, letter_id: str, request: Request) -> Response:
        """Give one letter up. It is kept."""
        letter = await deadletters.get(self._app.store, letter_id)
        return answer(moved_body(await manage.discard(self._app.store, [letter.id], caller(request.scope))))

    async def _replay(self, letter_ids: list[str], request: Request) -> Moved:
        return await manage.replay(self._app.store, self._app.queue, letter_ids, caller(request.scope))

    async def _chosen(self, given: LetterSelection) -> list[str]:
        narrowed = given.model_dump(exclude={"ids", "all"}, exclude_none=True)
        if bool(given.ids) == (given.all or bool(narrowed)):
            told = "name either `ids`, or `all`, or some of `group`, `source`, `reason` and `since`"
            raise Invalid(told, reason="bad_selection")
        if given.ids:
            return list(dict.fromkeys(given.ids))
        wanted = await self._wanted(["open"], given.source, given.reason, given.group, given.since)
        return await deadletters.ids(self._app.store, wanted)

    async def _wanted(
        self,
        states: list[State] | None,
        source: str | None,
        reason: str | None,
        group: str | None,
        since: datetime | None,
    ) -> Wanted:
        given = {"reason": reason, "group": group, "since": since, "states": tuple(states or UNSETTLED)}
        return await manage.wanted(self._app.store, source=source, **given)
