"""What callers who may do much may still not do: send secrets, or reach private addresses from elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.account_house import ME
from tests.contract.api_house import Client, Reply, house, served

from tidemill.app import App
from tidemill.manage.accounts import create_key
from tidemill.models.account import Role

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
