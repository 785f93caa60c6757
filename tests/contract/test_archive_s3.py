"""The archive on S3: how many requests it makes, what it says when something is wrong, what it waits for."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import obstore
import pytest
from pydantic import SecretStr
from tests.harness.s3 import READER_KEY, READER_SECRET, S3Server

from tidemill.archive.objects import ObjectArchive
from tidemill.errors import Permanent, Transient

Opening = Callable[..., ObjectArchive]


def named(*bodies: bytes) -> dict[str, bytes]:
    return {sha256(body).hexdigest(): body for body in bodies}


@pytest.fixture
def url(s3: S3Server) -> str:
    return s3.place()


@pytest.fixture
async def opening(s3: S3Server, url: str, tmp_path: Path) -> AsyncIterator[Opening]:
    opened: list[ObjectArchive] = []

    def another(cache: str = "cache", place: str = url, **settings: object) -> ObjectArchive:
        opened.append(ObjectArchive(s3.settings(place, **settings), place, tmp_path / cache))
        return opened[-1]

    yield another
    for each in opened:
        await each.close()


class Counted:
    """A bucket that counts what is asked of it."""

    def __init__(self, archive: ObjectArchive) -> None:
        self.asked: list[str] = []
        tried = archive.bucket._tried

        async def counting(name: str, ask: Any, **options: Any) -> Any:
            self.asked.append(name.partition("/")[0] + ("/" if name.endswith("/") else ""))
            return await tried(name, ask, **options)

        archive.bucket._tried = counting  # type: ignore[method-assign, assignment]


async def test_a_batch_is_one_object_and_one_request_and_a_get_is_one(opening: Opening, s3: S3Server, url: str) -> None:
    archive = opening()
    counted = Counted(archive)
    bodies = named(*(b"%d" % number for number in range(100)))
    await archive.put(bodies)
    await archive.put(bodies)
    assert (counted.asked, len(s3.keys(url))) == (["packs"], 1)
    await archive.get(next(iter(bodies)))
    assert counted.asked == ["packs", "packs"]


async def test_who_knows_nothing_lists_once_and_reads_each_index_once(opening: Opening) -> None:
    for number in range(5):
        await opening().put(named(b"%d" % number))
    fresh = opening("elsewhere")
    counted = Counted(fresh)
    assert await fresh.get(*named(b"0")) == b"0"
    assert sorted(counted.asked) == ["packs"] * 6 + ["packs/"]
    counted.asked.clear()
    await opening().put(named(b"later"))
    assert await fresh.get(*named(b"later")) == b"later"
    assert sorted(counted.asked) == ["packs"] * 2 + ["packs/"], "only what is new is listed and read"


async def test_a_cache_that_is_lost_or_spoilt_is_made_anew(opening: Opening, tmp_path: Path) -> None:
    archive = opening()
    await archive.put(named(b"body"))
    await archive.close()
    (cache,) = (tmp_path / "cache").glob("*/index.db")
    cache.write_bytes(b"no database at all" * 500)
    assert await opening().get(*named(b"body")) == b"body"


async def test_damage_is_told_with_the_place_and_the_next_put_mends_it(
    opening: Opening, s3: S3Server, url: str
) -> None:
    archive = opening()
    await archive.put(named(b"spoilt" * 50))
    (name,) = s3.keys(url)
    content = bytearray(obstore.get(s3.store(), s3.path(url, name)).bytes())
    content[30:90] = bytes(60)
    obstore.put(s3.store(), s3.path(url, name), bytes(content))
    with pytest.raises(Permanent, match=rf"{name} at 8.*is damaged") as caught:
        await archive.get(*named(b"spoilt" * 50))
    assert caught.value.reason == "archive_corrupt"
    await archive.put(named(b"spoilt" * 50))
    assert await opening("elsewhere").get(*named(b"spoilt" * 50)) == b"spoilt" * 50


async def test_a_pack_whose_index_is_damaged_is_read_whole(opening: Opening, s3: S3Server, url: str) -> None:
    await opening().put(named(b"one", b"two"))
    (name,) = s3.keys(url)
    content = bytearray(obstore.get(s3.store(), s3.path(url, name)).bytes())
    content[-60:-50] = bytes(10)
    obstore.put(s3.store(), s3.path(url, name), bytes(content))
    assert await opening("elsewhere").get(*named(b"two")) == b"two"


@pytest.mark.parametrize("operation", ["put", "get", "exists"])
@pytest.mark.parametrize(
    ("changed", "reason", "says"),
    [
        ({"place": "s3://no-such-bucket/x"}, "archive_bucket", r"bucket no-such-bucket .*create it"),
        ({"secret_key": SecretStr("wrong")}, "archive_denied", r"archive\.access_key"),
        ({"access_key": SecretStr("nobody")}, "archive_denied", r"InvalidAccessKeyId.*archive\.access_key"),
    ],
    ids=["bucket", "secret", "key"],
)
async def test_what_is_wrong_is_told_with_bucket_key_server_and_the_way_out(
    opening: Opening, s3: S3Server, operation: str, changed: dict[str, Any], reason: str, says: str
) -> None:
    archive = opening(**changed)
    with pytest.raises(Permanent, match=says) as caught:
        await _ask(archive, operation)
    assert caught.value.reason == reason
    assert s3.endpoint in str(caught.value)
    assert "s3://" in str(caught.value)
    assert s3.secret_key not in str(caught.value)


async def test_who_may_only_read_reads_and_is_told_when_it_writes(opening: Opening, s3: S3Server) -> None:
    if not s3.is_ours:
        pytest.skip("a given server has no user that may only read")
    await opening().put(named(b"body"))
    reader = opening("elsewhere", access_key=SecretStr(READER_KEY), secret_key=SecretStr(READER_SECRET))
    assert await reader.get(*named(b"body")) == b"body"
    with pytest.raises(Permanent, match=r"refused .*packs/.*AccessDenied") as caught:
        await reader.put(named(b"other"))
    assert caught.value.reason == "archive_denied"


@pytest.mark.parametrize("operation", ["put", "get", "exists"])
async def test_a_server_that_is_not_there_is_transient_after_the_deadline(opening: Opening, operation: str) -> None:
    archive = opening(endpoint="http://127.0.0.1:9", deadline_s=0.6)
    begun = asyncio.get_running_loop().time()
    with pytest.raises(Transient, match=r"127\.0\.0\.1:9.*nothing stored is lost") as caught:
        await _ask(archive, operation)
    assert caught.value.reason == "archive_unavailable"
    assert 0.2 < asyncio.get_running_loop().time() - begun < 5


async def test_a_server_that_is_silent_is_given_up_at_the_deadline(opening: Opening) -> None:
    async with _listening(lambda reader, writer: asyncio.sleep(60)) as endpoint:
        archive = opening(endpoint=endpoint, deadline_s=0.6)
        with pytest.raises(Transient) as caught:
            await archive.put(named(b"body"))
        assert caught.value.reason == "archive_unavailable"


async def test_a_server_that_fails_at_first_is_asked_again(opening: Opening, s3: S3Server) -> None:
    left = 3
    host, port = s3.endpoint.removeprefix("http://").split(":")

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            writer.write(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_pipe(reader, there_writer), _pipe(there_reader, writer))

    async with _listening(relay) as endpoint:
        archive = opening(endpoint=endpoint)
        await archive.put(named(b"body"))
    assert left < 0
    assert await opening("elsewhere").get(*named(b"body")) == b"body"


async def test_nothing_of_the_environment_strays_in(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_SESSION_TOKEN": "stray",  # pragma: allowlist secret
        "AWS_ACCESS_KEY_ID": "stray",
        "AWS_SECRET_ACCESS_KEY": "stray",  # pragma: allowlist secret
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_REGION": "nowhere-1",
    }.items():
        monkeypatch.setenv(name, value)
    archive = opening()
    await archive.put(named(b"body"))
    assert await archive.get(*named(b"body")) == b"body"


async def test_the_providers_own_chain_is_used_only_if_asked_for(
    opening: Opening, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret_key)
    archive = opening(credentials="chain", access_key=None, secret_key=None)
    await archive.put(named(b"body"))
    assert await archive.get(*named(b"body")) == b"body"


CHILD = """
import asyncio, json, sys
from hashlib import sha256
from pathlib import Path
from tidemill.archive.objects import ObjectArchive
from tidemill.settings import ArchiveSettings

async def main(settings, cache):
    settings = ArchiveSettings.model_validate(json.loads(settings))
    archive = ObjectArchive(settings, settings.url, Path(cache))
    for start in range(0, 100_000, 20):
        bodies = [b"%d" % number * 50 for number in range(start, start + 20)]
        await archive.put({sha256(body).hexdigest(): body for body in bodies})
        print(start + 20, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def started(command: list[str]) -> subprocess.Popen[str]:
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("batches", [1, 4, 20])
async def test_a_process_that_is_killed_loses_nothing_that_it_was_told_is_there(
    opening: Opening, s3: S3Server, url: str, tmp_path: Path, batches: int
) -> None:
    values = s3.settings(url).model_dump(mode="json") | {"access_key": s3.access_key, "secret_key": s3.secret_key}
    promised = 0
    command = [sys.executable, "-c", textwrap.dedent(CHILD), json.dumps(values), str(tmp_path / "cache")]
    with started(command) as child:
        assert child.stdout is not None
        for _ in range(batches):
            promised = int(await asyncio.to_thread(child.stdout.readline))
        child.send_signal(signal.SIGKILL)
    bodies = named(*(b"%d" % number * 50 for number in range(promised)))
    for cache in ("cache", "elsewhere"):
        archive = opening(cache)
        assert [await archive.get(body_hash) for body_hash in bodies] == list(bodies.values())


async def _ask(archive: ObjectArchive, operation: str) -> None:
    if operation == "put":
        await archive.put(named(b"body"))
    else:
        await getattr(archive, operation)(*named(b"body"))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        return
    finally:
        writer.close()


@asynccontextmanager
async def _listening(serve: Any) -> AsyncIterator[str]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except asyncio.CancelledError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
