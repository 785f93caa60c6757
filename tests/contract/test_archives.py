"""Every archive, in a folder or on S3: what was put comes back, to every process on every machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.harness.s3 import S3Server

from tidemill.archive.base import Archive
from tidemill.archive.open import open_archive
from tidemill.errors import Permanent
from tidemill.settings import ArchiveSettings

Opening = Callable[[], Archive]


@pytest.fixture(params=["files", "s3"])
async def opening(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opening]:
    """Another archive over the same place, as another machine would have it; all are closed in the end."""
    opened: list[Archive] = []
    if request.param == "s3":
        s3: S3Server = request.getfixturevalue("s3")
        url = s3.place()
        settings = s3.settings(url)
    else:
        url, settings = f"file://{tmp_path / 'archive'}", ArchiveSettings()

    def another() -> Archive:
        opened.append(open_archive(settings, url, tmp_path / f"machine-{len(opened)}"))
        return opened[-1]

    yield another
    for each in opened:
        await each.close()


@pytest.fixture
def archive(opening: Opening) -> Archive:
    return opening()


def named(*bodies: bytes) -> dict[str, bytes]:
    return {sha256(body).hexdigest(): body for body in bodies}


async def test_what_was_put_comes_back(archive: Archive) -> None:
    bodies = named(b"", b"x", b"\x00\xff" * 100_000, "é".encode(), os.urandom(300_000))
    await archive.put(bodies)
    for body_hash, body in bodies.items():
        assert await archive.exists(body_hash)
        assert await archive.get(body_hash) == body


@given(bodies=st.lists(st.binary(max_size=200), max_size=8))
async def test_any_bytes_come_back(archive: Archive, bodies: list[bytes]) -> None:
    await archive.put(named(*bodies))
    assert [await archive.get(sha256(body).hexdigest()) for body in bodies] == bodies


async def test_putting_nothing_or_again_changes_nothing(archive: Archive) -> None:
    await archive.put({})
    bodies = named(b"one", b"two")
    await archive.put(bodies)
    await archive.put(bodies | named(b"three"))
    assert {await archive.get(body_hash) for body_hash in bodies} == {b"one", b"two"}


async def test_many_may_put_the_same_at_once(archive: Archive) -> None:
    bodies = named(*(b"%d" % number for number in range(30)))
    await asyncio.gather(*(archive.put(bodies) for _ in range(8)))
    assert [await archive.get(body_hash) for body_hash in bodies] == list(bodies.values())


async def test_what_is_not_there_is_said_to_be_missing(archive: Archive) -> None:
    (body_hash,) = named(b"never put")
    for _ in range(2):
        assert not await archive.exists(body_hash)
        with pytest.raises(Permanent, match=f"has no body {body_hash}.*crawl the page again") as caught:
            await archive.get(body_hash)
        assert caught.value.reason == "archive_missing"
        await archive.put(named(b"another"))


async def test_closing_loses_nothing_and_may_be_done_twice(archive: Archive) -> None:
    bodies = named(b"before")
    await archive.put(bodies)
    await archive.close()
    await archive.close()
    assert await archive.get(*bodies) == b"before"


async def test_what_one_machine_put_another_finds(opening: Opening) -> None:
    one, other = opening(), opening()
    (absent,) = named(b"not yet")
    assert not await other.exists(absent)
    for number in range(3):
        bodies = named(b"not yet" if number == 0 else b"%d" % number, b"with %d" % number)
        await one.put(bodies)
        assert [await other.get(body_hash) for body_hash in bodies] == list(bodies.values())
        assert await opening().exists(next(iter(bodies)))


async def test_a_large_batch_comes_back(opening: Opening) -> None:
    """More than one part of a multipart upload."""
    bodies = named(*(os.urandom(3_000_000) for _ in range(7)))
    await opening().put(bodies)
    other = opening()
    assert [await other.get(body_hash) for body_hash in bodies] == list(bodies.values())
