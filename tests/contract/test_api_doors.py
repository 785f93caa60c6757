"""Who gets in, what is kept out, and how the server begins and ends."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import select
from tests.contract.api_house import Client, house, serve, served

from tidemill.app import App
from tidemill.errors import Conflict, Invalid, NotFound
from tidemill.http.server import serve_application
from tidemill.manage.accounts import create_key, ensure_first_key, recognise
from tidemill.models.account import Role, caller_of
from tidemill.store import accounts
from tidemill.store.tables import api_keys

CONFIGURED = "a-key-that-the-settings-name"
CLOSED = ["/health", "/metrics", "/api/v1/search?q=a", "/api/v1/sources", "/api/v1/runs", "/api/v1/stats", "/nope"]
ME = caller_of("me", Role.ADMIN)
OPEN = ["/livez", "/readyz", "/startupz", "/health/live", "/health/ready", "/health/startup", "/api/docs", "/"]


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    async with house(tmp_path, api__keys=[CONFIGURED], api__max_request_bytes=2048) as opened:
        yield opened


class TestKeys:
    async def test_the_first_key_is_made_once(self, app: App) -> None:
        first, second = await asyncio.gather(ensure_first_key(app.store), ensure_first_key(app.store))
        clear = first or second
        assert clear is not None
        assert (first is None) != (second is None)
        assert await ensure_first_key(app.store) is None
        found = await recognise(app.store, clear)
        assert found is not None
        assert (found.name, f"_{found.prefix}_" in clear) == ("first", True)

    async def test_a_revoked_first_key_is_not_replaced(self, app: App) -> None:
        clear = await ensure_first_key(app.store)
        assert clear is not None
        await accounts.revoke_key(app.store, clear.split("_")[1], ME)
        assert await recognise(app.store, clear) is None
        assert await ensure_first_key(app.store) is None

    async def test_only_a_hash_is_kept(self, app: App) -> None:
        key, clear = await create_key(app.store, "ci")
        async with app.store.read() as connection:
            row = str((await connection.execute(select(api_keys))).mappings().one())
        assert clear.rpartition(f"{key.prefix}_")[2] not in row
        assert len(clear.rpartition(f"{key.prefix}_")[2]) == 43

    async def test_expiry(self, app: App) -> None:
        now = app.store.now()
        with pytest.raises(Invalid, match="expired already"):
            await create_key(app.store, "old", expires_at=now - timedelta(seconds=1))
        _, expired = await create_key(app.store, "old", expires_at=now + timedelta(seconds=0.2))
        await asyncio.sleep(0.3)
        _, lasting = await create_key(app.store, "new", expires_at=now + timedelta(hours=1))
        assert await recognise(app.store, expired) is None
        assert await recognise(app.store, lasting) is not None

    async def test_nothing_like_it_is_recognised(self, app: App) -> None:
        key, clear = await create_key(app.store, "ci")
        last = "A" if clear[-1] != "A" else "B"
        for wrong in (
            "",
            "tdm_",
            clear[:-1],
            clear[:-1] + last,
            clear + "A",
            f" {clear}",
            clear.upper(),
            key.secret_hash,
        ):
            assert await recognise(app.store, wrong) is None
        with pytest.raises(NotFound):
            await accounts.revoke_key(app.store, "unknown", ME)


class TestDoors:
    async def test_bound_for_all(self, app: App) -> None:
        _, stored = await create_key(app.store, "ci")
        key, revoked = await create_key(app.store, "old")
        await accounts.revoke_key(app.store, key.prefix, ME)
        async with served(app, "0.0.0.0") as client:
            for path in OPEN:
                assert (await client.get(path)).status in (200, 307), path
            for path in CLOSED:
                assert (await client.get(path)).reason == "key_required", path
                for wrong in (revoked, stored[:-1], "x"):
                    assert (await client.get(path, headers={"x-api-key": wrong})).reason == "invalid_key", path
                for headers in (
                    {"x-api-key": stored},
                    {"authorization": f"Bearer {stored}"},
                    {"x-api-key": CONFIGURED},
                ):
                    assert (await client.get(path, headers=headers)).status == (404 if path == "/nope" else 200), path
            refused = await client.get("/api/v1/stats", headers={"x-api-key": "x"})
            assert refused.headers["www-authenticate"].startswith("Bearer")
            assert (await client.get("/livez", headers={"host": "search.example"})).status == 200
            private = {"target": "http://127.0.0.1:9/", "allow_private": True}
            answer = await client.post("/api/v1/runs", json=private, headers={"x-api-key": stored})
            assert (answer.status, answer.reason) == (403, "allow_private")

    async def test_bound_to_loopback(self, app: App) -> None:
        async with served(app) as client:
            for path in (*OPEN, *CLOSED):
                assert (await client.get(path)).status in (200, 307, 404), path
            for host in ("evil.example", "127.0.0.1.evil.example:80", ""):
                answer = await client.get("/livez", headers={"host": host})
                assert answer.status in ((400, 421) if not host else (421,))
            for host in ("localhost", "localhost:1234", "[::1]:80"):
                assert (await client.get("/livez", headers={"host": host})).status == 200
            foreign = {"origin": "https://evil.example"}
            answer = await client.post("/api/v1/runs", json={"target": "https://a.example/"}, headers=foreign)
            assert (answer.status, answer.reason) == (403, "foreign_origin")
            own = await client.post("/api/v1/runs", json={"target": "x"}, headers={"origin": client.base_url})
            assert own.reason == "no_such_source"
            assert (await client.get("/metrics", headers={"x-forwarded-for": "192.0.2.1"})).status == 401
            assert (await client.get("/livez?api_key=x")).reason == "key_in_query"

    async def test_bodies_above_the_cap(self, app: App) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(5):
                yield b" " * 1000

        async with served(app) as client:
            headers = {"content-type": "application/json"}
            declared = await client.post("/api/v1/runs", data=b" " * 2049, headers=headers)
            assert (declared.status, declared.reason) == (413, "body_too_large")
            chunked = await client.post("/api/v1/runs", data=chunks(), headers=headers)
            assert (chunked.status, chunked.reason) == (413, "body_too_large")

    async def test_docs_can_be_turned_off(self, tmp_path: Path) -> None:
        async with house(tmp_path, api__docs=False) as app, served(app) as client:
            for path in ("/", "/api/docs", "/api/docs/swagger-ui.css", "/api/openapi.json"):
                assert (await client.get(path)).reason == "no_such_path"


class TestServing:
    async def test_begins_and_ends(self, app: App) -> None:
        stop = asyncio.Event()
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        assert not (await app.health.startupz()).is_ok
        serving = asyncio.create_task(serve(app, stop, host="127.0.0.1", port=0, on_ready=ready.set_result))
        base_url = await asyncio.wait_for(ready, 10)
        assert (await app.health.readyz()).is_ok
        port = int(base_url.rpartition(":")[2])
        assert port > 0
        began = time.monotonic()
        stop.set()
        await asyncio.wait_for(serving, 5)
        assert time.monotonic() - began < 2
        assert not (await app.health.readyz()).is_ok
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    async def test_ends_when_it_is_cancelled(self, app: App) -> None:
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve(app, asyncio.Event(), host="127.0.0.1", port=0, on_ready=ready.set_result))
        port = int((await asyncio.wait_for(ready, 10)).rpartition(":")[2])
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    async def test_twice_in_one_process(self, app: App) -> None:
        for _ in range(2):
            async with served(app) as client:
                assert (await client.get("/livez")).status == 200

    async def test_ipv6(self, app: App) -> None:
        async with served(app, "::1") as client:
            assert "[::1]" in client.base_url
            assert (await client.get("/livez")).status == 200

    async def test_a_port_that_is_taken(self, app: App) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(Conflict, match=f"port {port} of 127.0.0.1 is in use"):
                await serve(app, asyncio.Event(), host="127.0.0.1", port=port)

    async def test_a_second_server_on_the_same_port(self, app: App) -> None:
        async with served(app) as client:
            port = int(client.base_url.rpartition(":")[2])
            with pytest.raises(Conflict, match="in use"):
                await serve(app, asyncio.Event(), host="127.0.0.1", port=port)

    async def test_no_address(self, app: App) -> None:
        with pytest.raises(Invalid, match=r"api\.host"):
            await serve(app, asyncio.Event(), host="not an address", port=0)


class TestDraining:
    @staticmethod
    async def run(seconds: float, drain_s: float) -> tuple[int | None, float]:
        """Ask for an answer that takes `seconds`, stop the server meanwhile: its status, and how long stopping took."""
        stop, arrived = asyncio.Event(), asyncio.Event()
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def slow(scope: object, receive: object, send: object) -> None:
            arrived.set()
            await asyncio.sleep(seconds)
            await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]
            await send({"type": "http.response.body", "body": b"done"})  # type: ignore[operator]

        serving = asyncio.create_task(
            serve_application(
                slow,
                stop,
                host="127.0.0.1",
                port=0,
                on_ready=ready.set_result,
                on_stop=lambda: None,
                drain_s=drain_s,
            )
        )
        async with aiohttp.ClientSession() as session:
            asking = asyncio.create_task(Client(session, await ready).get("/"))
            await arrived.wait()
            began = time.monotonic()
            stop.set()
            await asyncio.wait_for(serving, 10)
            took = time.monotonic() - began
            answer = (await asyncio.gather(asking, return_exceptions=True))[0]
        return getattr(answer, "status", None), took

    async def test_requests_in_flight_are_answered(self) -> None:
        status, took = await self.run(seconds=0.3, drain_s=5)
        assert status == 200
        assert took < 2

    async def test_one_that_does_not_end_is_cut_off(self) -> None:
        status, took = await self.run(seconds=60, drain_s=0.3)
        assert status in (None, 500)
        assert took < 2.5
