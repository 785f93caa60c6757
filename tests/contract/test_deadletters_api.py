"""Dead letters and versions of documents over the wire: shapes, pages, filters, what is done twice, and refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.contract.api_house import MOMENT, Client, fill, house, served

from tidemill.api.schemas.deadletter import DeadLetterGroups, DeadLetterPage, FullDeadLetter, MovedLetters
from tidemill.api.schemas.document import DocumentVersionList, FullDocumentVersion
from tidemill.app import App
from tidemill.models.ids import new_id
from tidemill.store import tables

LETTERS = "/api/v1/dead-letters"
_NOBODY = "01900000-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Place:
    """A house with five dead letters of two causes, and its API."""

    app: App
    client: Client
    ids: list[str]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with house(tmp_path) as app:
        await fill(app)
        ids = await _bury(app, 5)
        async with served(app) as client:
            yield Place(app, client, ids)


async def _bury(app: App, count: int) -> list[str]:
    """Let processed captures have died instead."""
    async with app.store.write() as connection:
        chosen = (await connection.execute(select(tables.captures).order_by(tables.captures.c.url).limit(count))).all()
        rows = []
        for number, row in enumerate(chosen):
            about = {"id": new_id(), "capture_id": row.id, "run_id": row.run_id, "source_id": row.source_id}
            cause = ("timeout", "Timeout", "") if number == 0 else ("error", "KeyError", "a.py:1 f")
            told = dict(zip(("reason", "error_type", "place"), cause, strict=True))
            rows.append(
                {**about, **told, "url": row.url, "message": "m", "trace": "t", "attempts": 3, "created_at": MOMENT}
            )
        await connection.execute(tables.dead_letters.insert(), rows)
    return [row["id"] for row in rows]


async def test_letters_come_in_pages(place: Place) -> None:
    found: list[str] = []
    path: Any = f"{LETTERS}?limit=2&reason=error"
    while path:
        reply = await place.client.get(path)
        page = DeadLetterPage.model_validate_json(reply.body)
        found += [letter.id for letter in page.items]
        assert (reply.headers.get("link") is None) == (page.next is None)
        path = page.next
    assert found == place.ids[1:]


async def test_causes_are_counted_and_lead_to_their_letters(place: Place) -> None:
    groups = DeadLetterGroups.model_validate_json((await place.client.get(f"{LETTERS}/groups")).body).items
    assert [(group.reason, group.count) for group in groups] == [("error", 4), ("timeout", 1)]
    page = await place.client.get(f"{LETTERS}?group={groups[1].key}")
    assert [letter["id"] for letter in page.json["items"]] == place.ids[:1]
    letter = FullDeadLetter.model_validate_json((await place.client.get(f"{LETTERS}/{place.ids[0]}")).body)
    assert (letter.group, letter.trace, letter.archived) == (groups[1].key, "t", False)


async def test_a_replay_is_done_once_however_often_it_is_asked_for(place: Place) -> None:
    answers: list[tuple[list[str], dict[str, int]]] = [([place.ids[0]], {}), ([], {"replayed": 1})]
    for expected in answers:
        reply = await place.client.post(f"{LETTERS}/{place.ids[0]}/replay")
        moved = MovedLetters.model_validate_json(reply.body)
        assert (moved.ids, moved.left) == expected
    assert (await place.app.queue.backlog()).captures == 1
    many = await place.client.post(f"{LETTERS}/replay", json={"all": True})
    assert many.json["ids"] == place.ids[1:]


async def test_discarding_keeps_who_and_when(place: Place) -> None:
    moved = await place.client.post(f"{LETTERS}/discard", json={"reason": "timeout"})
    assert moved.json == {"ids": place.ids[:1], "left": {}}
    letter = (await place.client.get(f"{LETTERS}/{place.ids[0]}")).json
    assert (letter["state"], letter["settled_by"]) == ("discarded", "loopback")
    assert letter["settled_at"]
    assert len((await place.client.get(LETTERS)).json["items"]) == 4
    assert len((await place.client.get(f"{LETTERS}?state=discarded")).json["items"]) == 1
    one = await place.client.post(f"{LETTERS}/{place.ids[1]}/discard")
    assert one.json["ids"] == [place.ids[1]]


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "reason"),
    [
        ("GET", f"{LETTERS}/{_NOBODY}", {}, 404, "no_such_dead_letter"),
        ("POST", f"{LETTERS}/{_NOBODY}/replay", {}, 404, "no_such_dead_letter"),
        ("GET", f"{LETTERS}?source=nowhere", {}, 404, "no_such_source"),
        ("GET", f"{LETTERS}?group=zz", {}, 404, "no_such_group"),
        ("GET", f"{LETTERS}?state=gone", {}, 422, "invalid"),
        ("GET", f"{LETTERS}?limit=0", {}, 422, "invalid"),
        ("POST", f"{LETTERS}/replay", {"json": {}}, 422, "bad_selection"),
        ("POST", f"{LETTERS}/discard", {"json": {"all": True, "ids": ["x"]}}, 422, "bad_selection"),
        ("POST", f"{LETTERS}/replay", {"json": {"every": True}}, 422, "invalid"),
        ("POST", f"{LETTERS}/replay", {"data": b"{}"}, 415, "not_json"),
        ("GET", f"/api/v1/documents/{_NOBODY}/versions", {}, 404, "no_such_document"),
        ("GET", f"/api/v1/documents/{_NOBODY}/versions/1", {}, 404, "no_such_document"),
    ],
)
async def test_refusals(place: Place, method: str, path: str, options: Any, status: int, reason: str) -> None:
    reply = await place.client.ask(method, path, **options)
    assert (reply.status, reply.reason) == (status, reason)


async def test_versions_of_a_document(place: Place) -> None:
    async with place.app.store.write() as connection:
        await connection.execute(update(tables.documents).values(version=2))
        row = (await connection.execute(select(tables.documents).limit(1))).mappings().one()
        kept = {name: row[name] for name in ("state", "capture_id", "fetched_at")}
        old = {**kept, "document_id": row["id"], "version": 1, "replaced_at": MOMENT, "draft": {"title": "Before"}}
        await connection.execute(tables.document_versions.insert(), [old])
    path = f"/api/v1/documents/{row['id']}/versions"
    items = DocumentVersionList.model_validate_json((await place.client.get(path)).body).items
    assert [(each.version, each.changed) for each in items] == [(2, ["title"]), (1, [])]
    assert items[0].replaced_at is None
    first = FullDocumentVersion.model_validate_json((await place.client.get(f"{path}/1")).body)
    assert (first.values, first.replaced_at) == ({"title": "Before"}, MOMENT)
    second = FullDocumentVersion.model_validate_json((await place.client.get(f"{path}/2")).body)
    assert second.values["title"] == row["title"]
    assert (await place.client.get(f"{path}/3")).reason == "no_such_document_version"
    assert (await place.client.get(f"{path}/0")).reason == "invalid"
