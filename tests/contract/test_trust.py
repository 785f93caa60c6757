"""What callers who may do much may still not do: send secrets, or reach private addresses from elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import pytest
from tests.contract.account_house import ME
from tests.contract.api_house import Client, Reply, house, served
from tests.harness.command import Tidemill

from tidemill.app import App
from tidemill.manage.accounts import create_key
from tidemill.models.account import Role
from tidemill.store import audit

SOURCES, RUNS = "/api/v1/sources", "/api/v1/runs"
THEIRS = {"X-Api-Key": "${secret:members_key}"}


async def key(app: App, role: Role) -> dict[str, str]:
    """The headers of somebody in that role."""
    return {"x-api-key": (await create_key(app.store, role.value, by=ME, role=role))[1]}


class TestSecrets:
    @pytest.fixture
    async def place(self, tmp_path: Path) -> AsyncIterator[tuple[App, Client]]:
        given = {"secrets__members_key": "canary-4711", "secrets__shared": "known", "crawl__api_secrets": ["shared"]}
        async with house(tmp_path, **given) as app, served(app) as client:
            yield app, client

    async def apply(self, client: Client, start: str, headers: dict[str, str], by: dict[str, str]) -> Reply:
        spec: dict[str, Any] = {"name": "x", "start": [start], "request": {"headers": headers}}
        return await client.post(SOURCES, json=spec, headers=by)

    async def test_an_operator_sends_none_of_the_house(self, place: tuple[App, Client]) -> None:
        app, client = place
        for by in ({}, await key(app, Role.OPERATOR)):
            answer = await self.apply(client, "https://evil.example/", THEIRS, by)
            assert (answer.status, answer.reason) == (403, "secret_source")
        assert (await client.get(f"{SOURCES}/x")).status == 404

    async def test_nor_turns_the_source_of_an_admin_elsewhere(self, place: tuple[App, Client]) -> None:
        app, client = place
        made = await self.apply(client, "https://members.example/", THEIRS, await key(app, Role.ADMIN))
        assert made.status == 201
        answer = await self.apply(client, "https://evil.example/", THEIRS, {})
        assert (answer.status, answer.reason) == (403, "secret_source")
        assert (await client.get(f"{SOURCES}/x")).json["spec"]["start"] == ["https://members.example/"]
        assert (await self.apply(client, "https://evil.example/", {}, {})).status == 200, "nothing is sent there"

    async def test_but_those_that_the_settings_name(self, place: tuple[App, Client]) -> None:
        answer = await self.apply(place[1], "https://any.example/", {"X-Api-Key": "${secret:shared}"}, {})
        assert answer.status == 201


class TestProxies:
    """Behind a proxy on the same machine everybody comes from loopback."""

    PRIVATE: ClassVar = {"target": "http://127.0.0.1:9/", "allow_private": True}

    async def test_one_that_is_told_nothing_shows_itself_by_its_http(self, tmp_path: Path) -> None:
        """As nginx sends it to `proxy_pass http://127.0.0.1:8000` without any more lines."""
        async with house(tmp_path) as app, served(app) as client:
            for version, status in (("1.1", b"200"), ("1.0", b"401")):
                assert (await raw(client, "GET /api/v1/runs", version)).split()[1] == status
            assert (await raw(client, "GET /livez", "1.0")).split()[1] == b"200"

    async def test_who_comes_through_one_reaches_no_private_address(self, tmp_path: Path) -> None:
        async with house(tmp_path) as app, served(app) as client:
            headers = await key(app, Role.ADMIN)
            through = headers | {"x-forwarded-for": "192.0.2.1"}
            answer = await client.post(RUNS, json=self.PRIVATE, headers=through)
            assert (answer.status, answer.reason) == (403, "allow_private")
            assert (await client.post(RUNS, json=self.PRIVATE, headers=headers)).status == 202

    async def test_nor_who_comes_to_a_server_that_is_said_to_stand_behind_one(self, tmp_path: Path) -> None:
        async with house(tmp_path, auth__loopback_role="none") as app, served(app) as client:
            answer = await client.post(RUNS, json=self.PRIVATE, headers=await key(app, Role.ADMIN))
            assert (answer.status, answer.reason) == (403, "allow_private")

    @pytest.mark.parametrize(("role", "status", "is_told"), [("operator", 200, True), ("none", 401, False)])
    async def test_serve_says_at_its_start_what_to_set_before_one(
        self, tmp_path: Path, role: str, status: int, is_told: bool
    ) -> None:
        port = free_port()
        with Tidemill(tmp_path / "data", f"auth.loopback_role={role}").start("serve", "--port", str(port)) as serving:
            assert await answered(f"http://127.0.0.1:{port}/api/v1/runs") == status
            serving.signal(signal.SIGTERM)
            said = " ".join((await asyncio.to_thread(serving.wait)).stderr.split())
        assert ("before you put a proxy before it, set auth.loopback_role: none" in said) is is_told
        assert ("API key, shown this once: tdm_" in said) is not is_told


class TestStrangers:
    async def test_they_cannot_fill_the_audit_log(self, tmp_path: Path) -> None:
        async with house(tmp_path) as app:
            async with served(app, "0.0.0.0") as client:
                for _ in range(7):
                    answers = await asyncio.gather(*(client.get(RUNS) for _ in range(100)))
                    assert {each.status for each in answers} == {401}
                by = await key(app, Role.VIEWER)
                assert (await client.get("/api/v1/users", headers=by)).status == 403
            await app.audit_writer.close()
            denied = [line async for line in audit.lines(app.store, audit.Wanted(action="request.denied"))]
        known = [line for line in denied if line.actor.startswith("key:")]
        lines = [line for line in denied if line.actor == "anonymous" and line.target is not None]
        sums = [line.detail["more"] for line in denied if line.target is None]
        assert len(known) == 1, "what others do is told nevertheless"
        assert 500 <= len(lines) < 700
        assert len(lines) + sum(sums) == 700

    async def test_who_asks_under_a_wrong_name_or_from_a_foreign_page_is_told(self, tmp_path: Path) -> None:
        async with house(tmp_path) as app, served(app) as client:
            assert (await client.get(RUNS, headers={"host": "evil.example"})).status == 421
            assert (await client.post(RUNS, json={}, headers={"origin": "https://evil.example"})).status == 403
            denied = [line async for line in audit.lines(app.store)]
        assert [(line.actor, line.target, line.address, line.detail) for line in denied] == [
            ("anonymous", RUNS, "127.0.0.1", {"method": "GET", "status": 421, "reason": "unknown_host"}),
            ("anonymous", RUNS, "127.0.0.1", {"method": "POST", "status": 403, "reason": "foreign_origin"}),
        ]


async def answered(url: str) -> int:
    """The status with which a server that comes up answers at last."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(url) as answer:
                    if answer.status != 503:
                        return answer.status
            await asyncio.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def raw(client: Client, what: str, version: str) -> bytes:
    """The answer to a request in that version of HTTP."""
    host, port = client.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(f"{what} HTTP/{version}\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        return await reader.read()
    finally:
        writer.close()
