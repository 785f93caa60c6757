"""Every archive: what was put is there whole or not at all, and what is damaged is never taken for good."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import subprocess
import sys
import textwrap
import time
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.archive import files
from tidemill.archive.base import Archive
from tidemill.archive.files import FileArchive
from tidemill.errors import Permanent


@pytest.fixture(params=["files"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    return FileArchive(tmp_path / "archive", compression_level=3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def named(*bodies: bytes) -> dict[str, bytes]:
    return {sha256(body).hexdigest(): body for body in bodies}


def kept(folder: Path) -> list[Path]:
    """Every file below a folder, hidden ones too."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


# --- what holds for every implementation ------------------------------------------------------------------------------


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
    assert not await archive.exists(body_hash)
    with pytest.raises(Permanent, match=f"has no body {body_hash}.*crawl the page again") as caught:
        await archive.get(body_hash)
    assert caught.value.reason == "archive_missing"


# --- the folder -------------------------------------------------------------------------------------------------------


async def test_bodies_lie_compressed_under_their_hash(archive: Archive, folder: Path) -> None:
    ((body_hash, body),) = named(b"words " * 10_000).items()
    await archive.put({body_hash: body})
    (path,) = kept(folder)
    assert path == folder / body_hash[:2] / body_hash[2:4] / f"{body_hash}.zst"
    assert path.stat().st_size < len(body) / 100


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "another body", "garbage"])
async def test_damage_is_found(archive: Archive, folder: Path, damage: str) -> None:
    ((body_hash, body),) = named(b"body " * 1000).items()
    await archive.put({body_hash: body})
    (path,) = kept(folder)
    raw = path.read_bytes()
    (other,) = named(b"other")
    await archive.put(named(b"other"))
    replaced = (folder / other[:2] / other[2:4] / f"{other}.zst").read_bytes()
    path.write_bytes(
        {
            "cut": raw[: len(raw) // 2],
            "flipped": raw[:-5] + bytes([raw[-5] ^ 255]) + raw[-4:],
            "emptied": b"",
            "another body": replaced,
            "garbage": b"not zstd",
        }[damage]
    )
    with pytest.raises(Permanent, match=r"is damaged \(.*move the file away") as caught:
        await archive.get(body_hash)
    assert caught.value.reason == "archive_corrupt"
    assert str(path) in str(caught.value)


async def test_a_body_that_was_moved_away_can_be_put_again(archive: Archive, folder: Path) -> None:
    bodies = named(b"body")
    await archive.put(bodies)
    shutil.rmtree(folder)
    await archive.put(bodies)
    assert await archive.get(*bodies) == b"body"


async def test_a_full_disk_keeps_whole_bodies_only(archive: Archive, folder: Path) -> None:
    before = named(b"kept")
    await archive.put(before)
    small, large = named(b"small"), named(os.urandom(100_000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(Permanent, match=r"cannot write to the archive .*nothing stored is lost") as caught:
            await archive.put(small | large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.reason in {"disk_full", "archive_unavailable"}
    assert not await archive.exists(*large)
    assert kept(folder / ".incoming") == []
    assert await archive.get(*before) == b"kept"
    await archive.put(small | large)
    assert await archive.get(*large) == next(iter(large.values()))


async def test_no_space_is_called_by_its_name(archive: Archive, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_flush", full)
    with pytest.raises(Permanent, match=r"No space left on device.*free some space") as caught:
        await archive.put(named(b"body"))
    assert caught.value.reason == "disk_full"
    assert kept(folder) == []


async def test_what_a_killed_process_left_is_swept_away(archive: Archive, folder: Path) -> None:
    incoming = folder / ".incoming"
    incoming.mkdir(parents=True)
    for name, age_s in (("old", 7200), ("fresh", 60)):
        (incoming / name).write_bytes(b"half a bod")
        os.utime(incoming / name, (time.time() - age_s,) * 2)
    await archive.put(named(b"body"))
    assert [path.name for path in kept(incoming)] == ["fresh"]


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file where the folder should be")
    archive = FileArchive(tmp_path / "archive", compression_level=3)
    with pytest.raises(Permanent, match=r"/archive: .*check the folder") as caught:
        await archive.put(named(b"body"))
    assert caught.value.reason == "archive_unavailable"


async def test_a_name_stands_for_bytes_that_are_on_the_disk(
    archive: Archive, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr(files, "_flush", flushed.append)
    ((body_hash, body),) = named(b"body").items()
    await archive.put({body_hash: body})
    place = folder / body_hash[:2] / body_hash[2:4]
    assert flushed[0].parent == folder / ".incoming"
    assert set(flushed[1:]) == {place, place.parent, folder}


async def test_a_put_that_is_killed_leaves_no_half_body(archive: Archive, folder: Path) -> None:
    """The child dies after its bodies are written and before any has its name."""
    script = """
    import asyncio, os, sys
    from hashlib import sha256
    from pathlib import Path
    from tidemill.archive import files
    files._flush = lambda path: os._exit(9)
    body = b"half" * 1000
    archive = files.FileArchive(Path(sys.argv[1]), compression_level=3)
    asyncio.run(archive.put({sha256(body).hexdigest(): body}))
    """
    path = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", textwrap.dedent(script), str(folder)]
    done = await asyncio.to_thread(subprocess.run, command, env={"PYTHONPATH": path}, timeout=60, check=False)
    assert done.returncode == 9
    assert len(kept(folder)) == 1
    body_hash = sha256(b"half" * 1000).hexdigest()
    assert not await archive.exists(body_hash)
    with pytest.raises(Permanent) as caught:
        await archive.get(body_hash)
    assert caught.value.reason == "archive_missing"
    await archive.put({body_hash: b"half" * 1000})
    assert await archive.get(body_hash) == b"half" * 1000
