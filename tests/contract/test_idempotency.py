"""`Idempotency-Key` over the wire: done once, answered the same, its caller's own, let go after a day; no secrets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from tests.contract.account_house import CHEAP, ME, PASSWORD
from tests.contract.api_house import Client, Reply, house, served
from tests.contract.store_house import DATABASES
from tests.harness.postgres import need_postgres

from tidemill.api.access import is_kept
from tidemill.app import App
from tidemill.errors import Transient
from tidemill.manage.accounts import create_key
from tidemill.models.account import Role
from tidemill.store import idempotency, runs, sources
from tidemill.store.tables import audit_log, idempotency_keys, users
from tidemill.store.tables import runs as run_rows

RUNS, SOURCES, USERS = "/api/v1/runs", "/api/v1/sources", "/api/v1/users"
SPEC = {"name": "one", "start": ["https://one.example/"]}
FRESH = {"target": "https://one.example/", "fresh": True}


@dataclass(frozen=True)
class Place:
    """A house, a client, and keys of two admins."""

    app: App
    client: Client
    admin: str
    other: str

    async def post(self, path: str, key: str | None, body: Any, who: str = "") -> Reply:
        """A POST under a key."""
        headers = {"x-api-key": who or self.admin} | ({"idempotency-key": key} if key is not None else {})
        return await self.client.post(path, json=body, headers=headers)

    async def number(self, what: Any) -> int:
        """How many rows a table has."""
        async with self.app.store.read() as connection:
            return int(await connection.scalar(select(func.count()).select_from(what)) or 0)


@pytest.fixture(params=DATABASES)
async def database_url(request: pytest.FixtureRequest) -> AsyncIterator[str | None]:
    """Where the house keeps its rows: `None` is its own file."""
    if request.param != "postgresql":
        yield None
        return
    server = need_postgres()
    url = await server.copy()
    yield url
    await server.drop(url)


@pytest.fixture
async def place(tmp_path: Path, database_url: str | None) -> AsyncIterator[Place]:
    settings = {name.replace(".", "__"): value for name, value in CHEAP.items()}
    if database_url is not None:
        settings["database__url"] = database_url
    async with house(tmp_path, **settings) as app, served(app) as client:
        keys = [(await create_key(app.store, name, by=ME, role=Role.ADMIN))[1] for name in ("a", "b")]
        yield Place(app, client, *keys)


async def test_the_same_again_gives_the_first_answer_and_does_nothing(place: Place) -> None:
    first = await place.post(RUNS, "k-1", FRESH)
    lines = await place.number(audit_log)
    again = [await place.post(RUNS, "k-1", FRESH) for _ in range(3)]
    assert first.status == 202
    assert "idempotency-replayed" not in first.headers
    for reply in again:
        assert (reply.status, reply.body) == (first.status, first.body)
        assert reply.headers["location"] == first.headers["location"]
        assert reply.headers["idempotency-replayed"] == "true"
        assert reply.headers["x-request-id"] != first.headers["x-request-id"]
    assert await place.number(run_rows) == 1
    assert await place.number(audit_log) == lines
    assert (await place.post(RUNS, None, FRESH)).json["id"] != first.json["id"]


async def test_another_request_under_the_same_key_is_refused(place: Place) -> None:
    await place.post(SOURCES, "k", SPEC)
    for path, body in ((SOURCES, SPEC | {"max_pages": 3}), (RUNS, FRESH), (f"{SOURCES}?x=1", SPEC)):
        reply = await place.post(path, "k", body)
        assert (reply.status, reply.reason) == (422, "idempotency_key_reused")
    assert (await sources.get(place.app.store, "one")).version == 1


async def test_a_key_is_its_callers_own(place: Place) -> None:
    mine = await place.post(RUNS, "k", FRESH)
    theirs = await place.post(RUNS, "k", FRESH, who=place.other)
    assert mine.json["id"] != theirs.json["id"]
    assert (await place.post(RUNS, "k", FRESH, who=place.other)).body == theirs.body


async def test_the_same_at_the_same_time_is_done_once(place: Place) -> None:
    async def insistent() -> Reply:
        while True:
            reply = await place.post(RUNS, "k", FRESH)
            if reply.status != 409:
                return reply
            assert (reply.reason, reply.headers["retry-after"]) == ("idempotency_in_progress", "1")
            await asyncio.sleep(0.02)

    replies = await asyncio.gather(*(insistent() for _ in range(12)))
    assert {(reply.status, reply.body) for reply in replies} == {(202, replies[0].body)}
    assert await place.number(run_rows) == 1


async def test_who_comes_while_it_is_at_work_is_told_to_come_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, may_go = asyncio.Event(), asyncio.Event()
    whole = runs.take_up_or_create

    async def slow(*given: Any, **more: Any) -> Any:
        entered.set()
        await may_go.wait()
        return await whole(*given, **more)

    monkeypatch.setattr("tidemill.manage.runs.runs.take_up_or_create", slow)
    first = asyncio.create_task(place.post(RUNS, "k", FRESH))
    await entered.wait()
    second = await place.post(RUNS, "k", FRESH)
    other = await place.post(RUNS, "k", FRESH | {"max_pages": 2})
    may_go.set()
    assert (second.status, second.reason, second.headers["retry-after"]) == (409, "idempotency_in_progress", "1")
    assert (other.status, other.reason) == (422, "idempotency_key_reused")
    done = await first
    assert (await place.post(RUNS, "k", FRESH)).body == done.body


async def test_two_processes_with_one_key_do_it_once(place: Place, tmp_path: Path) -> None:
    """What one process knows to be at work, the other finds out when it would keep its answer."""
    settings = place.app.settings
    async with house(tmp_path, database__url=settings.database_url) as app, served(app) as client:
        second = Place(app, client, place.admin, place.other)
        for round_ in range(5):
            body = {"target": f"https://s{round_}.example/", "fresh": True}
            ways = (place, second)
            replies = await asyncio.gather(*(each.post(RUNS, f"k{round_}", body) for each in ways for _ in range(2)))
            assert {reply.status for reply in replies} <= {202, 409, 503}
            done = {reply.json["id"] for reply in replies if reply.status == 202}
            assert len(done) == 1
    assert await place.number(run_rows) == 5


async def test_an_error_does_nothing_and_leaves_the_key_free(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = await place.post(SOURCES, "k", {"name": "one"})
    assert (refused.status, refused.reason) == (422, "source")

    async def broken(*_: object) -> None:
        raise Transient("gone", reason="database_locked")

    with monkeypatch.context() as patch:
        patch.setattr("tidemill.api.routes.sources.tagged", broken)  # after the source was written
        patch.setattr("tidemill.store.idempotency.keep", broken)
        failed = await place.post(SOURCES, "k", SPEC)
    assert failed.status in (500, 503)
    assert await sources.listed(place.app.store) == []
    made = await place.post(SOURCES, "k", SPEC)
    assert (made.status, made.json["version"]) == (201, 1)


async def test_what_fails_after_writing_is_undone(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("after the write")

    with monkeypatch.context() as patch:
        patch.setattr("tidemill.api.routes.users._answer", broken)
        body = {"email": "ada@example.org", "password": PASSWORD}
        failed = await place.post(USERS, "k", body)
    assert (failed.status, failed.reason) == (500, "internal")
    assert await place.number(users) == 0
    assert (await place.post(USERS, "k", body)).status == 201
    assert (await place.post(USERS, "k", body)).status == 201
    assert (await place.post(USERS, "other", body)).reason == "user_exists"


async def test_after_a_day_a_key_is_new_and_its_answer_is_swept(place: Place) -> None:
    store = place.app.store
    first = await place.post(RUNS, "k", FRESH)
    await place.post(RUNS, "l", FRESH)
    async with store.write() as connection:
        long_ago = store.now() - timedelta(hours=24, seconds=1)
        await connection.execute(update(idempotency_keys).values(created_at=long_ago))
    assert (await place.post(RUNS, "k", FRESH)).json["id"] != first.json["id"]
    assert await idempotency.sweep(store, store.now() - timedelta(hours=24), at_once=1) == 1
    assert await place.number(idempotency_keys) == 1


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b", "a\tb", "schlüssel"])
async def test_keys_that_are_none(place: Place, key: str) -> None:
    reply = await place.post(SOURCES, key, SPEC)
    assert (reply.status, reply.reason) == (400, "bad_idempotency_key")


async def test_secrets_and_passwords_are_not_kept(place: Place) -> None:
    headers = {"x-api-key": place.admin, "idempotency-key": "k"}
    made = [await place.client.post("/api/v1/keys", json={"name": "n"}, headers=headers) for _ in range(2)]
    assert [reply.status for reply in made] == [201, 201]
    assert made[0].json["key"] != made[1].json["key"]
    path = f"/api/v1/keys/{made[0].json['prefix']}/rotate"
    assert (await place.client.post(path, json={}, headers=headers)).status == 201
    assert await place.number(idempotency_keys) == 0
    await place.post(USERS, "secret-key", {"email": "ada@example.org", "password": PASSWORD})
    async with place.app.store.read() as connection:
        (row,) = (await connection.execute(select(idempotency_keys))).all()
    assert PASSWORD not in str(row)
    assert "secret-key" not in str(row)


async def test_no_answer_with_a_secret_is_of_a_kind_that_is_kept(place: Place) -> None:
    document = (await place.client.get("/api/openapi.json")).json
    schemas = document["components"]["schemas"]
    seen = 0
    for path, verbs in document["paths"].items():
        for status, response in verbs.get("post", {}).get("responses", {}).items():
            name = str(response.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", ""))
            fields = set(schemas.get(name.rpartition("/")[2], {}).get("properties", ()))
            if status.startswith("2") and fields & {"key", "secret", "password", "access_token", "refresh_token"}:
                seen += 1
                assert not is_kept(path), path
    assert seen >= 4
