"""A typed client is made from the OpenAPI document that the server gives: strict types accept it, and it works."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from scripts.generate_client import generate
from tests.contract.api_house import SOURCE, fill, house, served

_USES = """
from client import ApiError, Client, RunAnswer, SourceList

client = Client("http://127.0.0.1:1", {"X-API-Key": "k"})
sources: SourceList = client.list_sources(limit=3)
name: str = sources["items"][0]["name"]
run: RunAnswer = client.cancel_run("x", idempotency_key="k")
try:
    client.apply_source({"name": "n", "start": ["https://a.example/"]}, if_match="*")
except ApiError as error:
    print(error.status)
"""


@dataclass(frozen=True)
class Made:
    """The client's module, its file, and a client of a served house."""

    module: ModuleType
    file: Path
    client: Any


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    async with house(tmp_path / "house") as app:
        await fill(app)
        async with served(app) as client:
            file = tmp_path / "client.py"
            file.write_text(generate((await client.get("/api/openapi.json")).json), encoding="utf-8")
            spec = importlib.util.spec_from_file_location("client", file)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            yield Made(module, file, module.Client(client.base_url))


async def test_strict_types_accept_it_and_refuse_misuse(made: Made) -> None:
    uses = made.file.with_name("uses.py")
    uses.write_text(_USES, encoding="utf-8")
    wrong = made.file.with_name("wrong.py")
    wrong.write_text(_USES.replace("limit=3", 'limit="3"').replace("name: str", "name: int"), encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(made.file.parent / "cache")]
    accepted = await asyncio.to_thread(_run, [*command, "client.py", "uses.py"], made.file.parent)
    assert accepted.returncode == 0, accepted.stdout
    refused = await asyncio.to_thread(_run, [*command, "wrong.py"], made.file.parent)
    assert refused.stdout.count("error:") == 2, refused.stdout


async def test_it_reads_writes_and_tells_of_problems(made: Made) -> None:
    client = made.client
    listed = await asyncio.to_thread(client.list_sources)
    assert [each["name"] for each in listed["items"]] == [SOURCE]
    found = await asyncio.to_thread(client.search_documents, q="mill", limit=2)
    assert len(found["hits"]) == 2
    body = {"target": "https://new.example/", "fresh": True}
    runs = [await asyncio.to_thread(client.start_run, body, idempotency_key="once") for _ in range(2)]
    assert runs[0] == runs[1]
    with pytest.raises(made.module.ApiError) as caught:
        await asyncio.to_thread(client.get_source, "not there/at all")
    assert (caught.value.status, caught.value.problem["type"]) == (404, "urn:tidemill:problem:no_such_source")


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
