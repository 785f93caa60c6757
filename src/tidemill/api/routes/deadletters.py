"""Dead letters: what could not be processed, and what is to become of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from tidemill.api.openapi import problems
from tidemill.api.respond import answer, require_json
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

_PREFIX = "/api/v1/dead-letters"

States = Annotated[list[State] | None, Query(alias="state", description="Default: open and replayed")]
Source = Annotated[str | None, Query(max_length=4096, description="Only of this source")]
Reason = Annotated[str | None, Query(max_length=200, description="Only with this reason")]
Group = Annotated[str | None, Query(min_length=1, max_length=64, description="Only of this cause")]
Since = Annotated[datetime | None, Query(description="Dead since then; a time without a zone is in UTC")]
After = Annotated[str | None, Query(max_length=64, description="The last identifier of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Letters on this page")]


def routes(app: App) -> APIRouter:
    """Everything below /api/v1/dead-letters."""
    router = APIRouter(prefix=_PREFIX, tags=["dead letters"])

    @router.get("", response_model=DeadLetterPage, responses=problems(404, 422))
    async def list_dead_letters(
        states: States = None,
        source: Source = None,
        reason: Reason = None,
        group: Group = None,
        since: Since = None,
        after: After = None,
        limit: Limit = 100,
    ) -> Response:
        """What could not be processed, by identifier, which is by time. Follow `next` until it is null."""
        wanted = await _wanted(app, states, source, reason, group, since)
        found = await deadletters.listed(app.store, wanted, after=after, limit=limit + 1)
        given = {"source": source, "reason": reason, "group": group, "since": _text(since), "limit": limit}
        more = len(found) > limit
        following = _next_page(given, states, found[limit - 1].id) if more else None
        headers = {"Link": f'<{following}>; rel="next"'} if following else None
        return answer({"items": [letter_body(each) for each in found[:limit]], "next": following}, headers=headers)

    @router.get("/groups", response_model=DeadLetterGroups, responses=problems(404, 422))
    async def list_dead_letter_groups(
        states: States = None, source: Source = None, reason: Reason = None, since: Since = None
    ) -> Response:
        """The causes of dead letters, the most frequent first: the same exception at the same place."""
        wanted = await _wanted(app, states, source, reason, None, since)
        return answer(group_list(await deadletters.groups(app.store, wanted)))

    @router.post(
        "/replay",
        response_model=MovedLetters,
        responses=problems(403, 404, 413, 415, 422),
        dependencies=[Depends(require_json)],
    )
    async def replay_dead_letters(given: LetterSelection, request: Request) -> Response:
        """Put captures back into the queue. Done twice it is done once; a processor does the work."""
        return answer(moved_body(await _replay(app, await _chosen(app, given), request)))

    @router.post(
        "/discard",
        response_model=MovedLetters,
        responses=problems(403, 404, 413, 415, 422),
        dependencies=[Depends(require_json)],
    )
    async def discard_dead_letters(given: LetterSelection, request: Request) -> Response:
        """Give letters up. They are kept, with who discarded them and when, and may be replayed still."""
        return answer(moved_body(await manage.discard(app.store, await _chosen(app, given), caller(request.scope))))

    @router.get("/{letter_id}", response_model=FullDeadLetter, responses=problems(404))
    async def get_dead_letter(letter_id: str) -> Response:
        """One letter with its trace, and whether its bytes are still in the archive."""
        letter = await deadletters.get(app.store, letter_id)
        return answer(full_letter(letter, await app.archive.exists(letter.body_hash)))

    @router.post("/{letter_id}/replay", response_model=MovedLetters, responses=problems(403, 404))
    async def replay_dead_letter(letter_id: str, request: Request) -> Response:
        """Put one capture back into the queue."""
        letter = await deadletters.get(app.store, letter_id)
        return answer(moved_body(await _replay(app, [letter.id], request)))

    @router.post("/{letter_id}/discard", response_model=MovedLetters, responses=problems(403, 404))
    async def discard_dead_letter(letter_id: str, request: Request) -> Response:
        """Give one letter up. It is kept."""
        letter = await deadletters.get(app.store, letter_id)
        return answer(moved_body(await manage.discard(app.store, [letter.id], caller(request.scope))))

    return router


async def _replay(app: App, letter_ids: list[str], request: Request) -> Moved:
    return await manage.replay(app.store, app.queue, letter_ids, caller(request.scope))


async def _chosen(app: App, given: LetterSelection) -> list[str]:
    narrowed = given.model_dump(exclude={"ids", "all"}, exclude_none=True)
    if bool(given.ids) == (given.all or bool(narrowed)):
        told = "name either `ids`, or `all`, or some of `group`, `source`, `reason` and `since`"
        raise Invalid(told, reason="bad_selection")
    if given.ids:
        return list(dict.fromkeys(given.ids))
    wanted = await _wanted(app, ["open"], given.source, given.reason, given.group, given.since)
    return await deadletters.ids(app.store, wanted)


async def _wanted(
    app: App, states: Any, source: str | None, reason: str | None, group: str | None, since: datetime | None
) -> Wanted:
    given = {"reason": reason, "group": group, "since": _aware(since), "states": tuple(states or UNSETTLED)}
    return await manage.wanted(app.store, source=source, **given)


def _next_page(given: dict[str, Any], states: Any, after: str) -> str:
    query = [(name, value) for name, value in given.items() if value is not None]
    query += [("state", each) for each in states or ()]
    return f"{_PREFIX}?{urlencode([*query, ('after', after)])}"


def _aware(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _text(at: datetime | None) -> str | None:
    aware = _aware(at)
    return aware.isoformat() if aware else None
