"""The archive in a folder: what was put is there whole or not at all, and what is damaged is never taken for good.

What holds for every archive is in `test_archives.py`."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from tidemill.archive import pack_index, pack_writer
from tidemill.archive.base import Archive
from tidemill.archive.pack_format import HEADER
from tidemill.archive.packs import PackArchive
from tidemill.errors import Permanent

Opening = Callable[..., PackArchive]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
async def opening(folder: Path) -> AsyncIterator[Opening]:
    """Another archive over the same folder, as another process would have it; all are closed in the end."""
    opened: list[PackArchive] = []

    def another(**options: int) -> PackArchive:
        opened.append(PackArchive(folder, compression_level=3, **options))
        return opened[-1]

    yield another
    for each in opened:
        await each.close()


@pytest.fixture
def archive(opening: Opening) -> Archive:
    return opening()


def named(*bodies: bytes) -> dict[str, bytes]:
    return {sha256(body).hexdigest(): body for body in bodies}


def packs(folder: Path) -> list[Path]:
    return sorted((folder / "packs").glob("*.pack"))


def kept(folder: Path) -> list[Path]:
    """The folder and all that is in it."""
    return [folder, *folder.rglob("*")] if folder.exists() else []


def sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in packs(folder)]


def place(folder: Path, body_hash: str) -> tuple[Path, int, int]:
    """The pack of a body, and where in it."""
    with closing(sqlite3.connect(folder / "packs" / "index.db")) as connection:
        statement = "SELECT name, start, length FROM bodies JOIN packs ON packs.id = pack WHERE hash = ?"
        ((name, start, length),) = connection.execute(statement, (bytes.fromhex(body_hash),)).fetchall()
    return folder / "packs" / name, start, length


def lose_index(folder: Path) -> None:
    for path in (folder / "packs").glob("index.db*"):
        path.unlink()


# --- the packs --------------------------------------------------------------------------------------------------------


async def test_bodies_lie_compressed_one_behind_the_other(archive: Archive, folder: Path) -> None:
    bodies = named(b"words " * 10_000, b"more words " * 10_000)
    for body_hash, body in (*bodies.items(), *bodies.items()):
        await archive.put({body_hash: body})
    (pack,) = packs(folder)
    places = [place(folder, body_hash) for body_hash in bodies]
    assert [path for path, _, _ in places] == [pack, pack]
    assert [start for _, start, _ in places] == [len(HEADER), len(HEADER) + places[0][2]]
    assert pack.stat().st_size == sum(length for _, _, length in places) + len(HEADER) < 1000


async def test_asking_an_empty_archive_makes_no_folder(archive: Archive, folder: Path) -> None:
    assert not await archive.exists("0" * 64)
    with pytest.raises(Permanent):
        await archive.get("0" * 64)
    assert kept(folder) == []


async def test_each_process_has_a_pack_of_its_own_and_reads_them_all(opening: Opening, folder: Path) -> None:
    one, other = opening(), opening()
    await one.put(named(b"of one"))
    await other.put(named(b"of the other") | named(b"of one"))
    await one.put(named(b"of one again"))
    assert len(packs(folder)) == 2
    for archive in (one, other):
        for body_hash, body in named(b"of one", b"of the other", b"of one again").items():
            assert await archive.get(body_hash) == body


async def test_a_pack_that_is_large_enough_is_followed_by_another(opening: Opening, folder: Path) -> None:
    archive = opening(pack_bytes=1000)
    bodies = named(*(os.urandom(400) for _ in range(9)))
    for body_hash, body in bodies.items():
        await archive.put({body_hash: body})
    assert len(packs(folder)) == 3
    assert [await archive.get(body_hash) for body_hash in bodies] == list(bodies.values())


@pytest.mark.parametrize("damage", ["cut", "flipped", "zeros", "another body", "garbage"])
async def test_damage_is_found_and_the_body_can_be_put_again(opening: Opening, folder: Path, damage: str) -> None:
    archive = opening()
    others = named(b"before", b"after")
    ((body_hash, body),) = named(os.urandom(1000)).items()
    await archive.put(named(b"before") | {body_hash: body} | named(b"after"))
    path, start, length = place(folder, body_hash)
    _, other_start, other_length = place(folder, *named(b"after"))
    raw = path.read_bytes()
    record = raw[start : start + length]
    spoiled = {
        "cut": record[: length // 2].ljust(length, b"\x00"),
        "flipped": record[:-5] + bytes([record[-5] ^ 255]) + record[-4:],
        "zeros": bytes(length),
        "another body": raw[other_start : other_start + other_length].ljust(length, b"\x00"),
        "garbage": b"not a record"[:length].ljust(length, b"!"),
    }[damage]
    path.write_bytes(raw[:start] + spoiled + raw[start + length :])
    for _ in range(2):
        with pytest.raises(Permanent, match=r"is damaged \(.*crawl the page again") as caught:
            await archive.get(body_hash)
        assert caught.value.reason == "archive_corrupt"
        assert f"{path} at {start}" in str(caught.value)
    assert [await archive.get(each) for each in others] == list(others.values())
    await archive.put({body_hash: body})
    assert await archive.get(body_hash) == body
    await archive.close()
    lose_index(folder)
    assert await opening().get(body_hash) == body, "the sound copy is the one that counts"
    assert [await archive.get(each) for each in others] == list(others.values())


@pytest.mark.parametrize("gone", ["everything", "the packs", "the index"])
async def test_what_is_moved_away_under_a_running_process_can_be_put_again(
    archive: Archive, folder: Path, gone: str
) -> None:
    bodies = named(b"body", b"other")
    await archive.put(bodies)
    if gone == "everything":
        shutil.rmtree(folder)
    elif gone == "the index":
        lose_index(folder)
    else:
        for path in packs(folder):
            path.unlink()
        with pytest.raises(Permanent, match="has no body"):
            await archive.get(*named(b"body"))
    await archive.put(bodies)
    assert [await archive.get(body_hash) for body_hash in bodies] == list(bodies.values())


async def test_a_pack_that_was_cut_keeps_what_is_before_the_cut(opening: Opening, folder: Path) -> None:
    archive = opening()
    first, second = named(b"first"), named(os.urandom(500))
    await archive.put(first)
    await archive.put(second)
    path, start, _ = place(folder, *second)
    os.truncate(path, start + 100)
    assert await archive.get(*first) == b"first"
    with pytest.raises(Permanent) as caught:
        await archive.get(*second)
    assert caught.value.reason == "archive_missing"
    await archive.put(second)
    assert [await opening().get(*second)] == list(second.values())
    assert await opening().get(*first) == b"first"


# --- the index is a cache ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["deleted", "garbage", "emptied", "cut", "scrambled"])
async def test_a_lost_index_is_made_anew_from_the_packs(opening: Opening, folder: Path, damage: str) -> None:
    archive = opening(pack_bytes=5000)
    bodies = named(*(os.urandom(100) for _ in range(300)))
    for body_hash, body in bodies.items():
        await archive.put({body_hash: body})
    await archive.close()
    path = folder / "packs" / "index.db"
    raw = path.read_bytes()
    match damage:
        case "deleted":
            path.unlink()
        case "scrambled":  # the first page, with the schema, is sound
            path.write_bytes(raw[:4096] + bytes(byte ^ 0x5A for byte in raw[4096:]))
        case _:
            path.write_bytes({"garbage": b"no database at all" * 500, "emptied": b"", "cut": raw[:5000]}[damage])
    again = opening()
    assert [await again.get(body_hash) for body_hash in bodies] == list(bodies.values())
    before = sizes(folder)
    await again.put(bodies)
    assert sizes(folder) == before


async def test_making_the_index_anew_is_told(opening: Opening, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        archive = opening()
        await archive.put(named(b"body"))
        await archive.close()
        assert caplog.records == []
        lose_index(folder)
        assert await opening().exists(*named(b"body"))
    assert "made anew" in caplog.text


async def test_a_damaged_index_that_others_have_open_is_left_to_the_next(opening: Opening, folder: Path) -> None:
    one, other = opening(), opening()
    bodies = named(b"body")
    await one.put(bodies)
    await one.close()
    (folder / "packs" / "index.db").write_bytes(b"no database at all" * 500)
    held = pack_index.hold(folder / "packs")
    with pytest.raises(Permanent, match=r"is damaged.*end them") as caught:
        await other.get(*bodies)
    assert caught.value.reason == "archive_unavailable"
    os.close(held)
    assert await other.get(*bodies) == b"body"


async def test_an_archive_of_which_all_is_indexed_is_opened_without_reading_it(
    opening: Opening, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opening().put(named(b"body"))
    torn = folder / "packs" / "00000000-0000-7000-8000-000000000000.pack"
    torn.write_bytes(HEADER + b"torn")
    assert await opening().exists(*named(b"body"))

    def read(*_: object) -> None:
        raise AssertionError("a pack was read again")

    monkeypatch.setattr(pack_index, "scan", read)
    assert await opening().exists(*named(b"body"))


class Killed(BaseException):
    """What ends a put in the place of a signal."""


def kill(*_: object) -> None:
    raise Killed


async def killed_put(archive: PackArchive, bodies: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    owner, name = {"flush": (pack_writer, "_sync_data"), "index": (pack_index.PackIndex, "add")}[at]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, kill)
        with pytest.raises(Killed):
            await archive.put(bodies)


@pytest.mark.parametrize("at", ["flush", "index"])
async def test_what_was_written_and_not_indexed_is_found_by_whoever_looks(
    opening: Opening, folder: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    archive, other = opening(), opening()
    await other.put(named(b"of another process"))
    await archive.put(named(b"before"))
    await killed_put(archive, named(b"killed"), monkeypatch, at)
    assert await other.get(*named(b"killed")) == b"killed"
    await archive.put(named(b"later"))
    assert await other.get(*named(b"later")) == b"later"
    assert len(packs(folder)) == 3, "nobody appends behind what was not indexed"


STEPS = st.one_of(
    st.tuples(st.just("put"), st.lists(st.binary(max_size=60), min_size=1, max_size=4)),
    st.tuples(st.just("put by another"), st.lists(st.binary(max_size=60), min_size=1, max_size=4)),
    st.tuples(st.just("get"), st.binary(max_size=1)),
    st.tuples(st.sampled_from(["kill at flush", "kill at index"]), st.lists(st.binary(max_size=60), min_size=1)),
    st.tuples(st.just("torn"), st.tuples(st.lists(st.binary(max_size=60), min_size=1), st.floats(0, 1))),
    st.tuples(st.sampled_from(["lose index", "save index", "restore index", "new process"]), st.none()),
)


class History:
    """What was promised, and the steps that must not break it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.patch = monkeypatch
        self.promised: dict[str, bytes] = {}
        self.archives = [PackArchive(folder, compression_level=1, pack_bytes=300) for _ in range(2)]

    async def step(self, what: str, given: object) -> None:
        match what, given:
            case "put" | "put by another", list(bodies):
                await self.archives[what != "put"].put(named(*bodies))
                self.promised |= named(*bodies)
            case "get", bytes(body):
                await self.look(body)
            case "kill at flush" | "kill at index", list(bodies):
                await self.kill(bodies, what.split()[-1])
            case "torn", (list(bodies), float(fraction)):
                await self.tear(bodies, fraction)
            case _:
                await self.restart(what)

    async def look(self, body: bytes) -> None:
        (body_hash,) = named(body)
        if body_hash in self.promised or await self.archives[0].exists(body_hash):
            assert await self.archives[0].get(body_hash) == body
            return
        with suppress(Permanent):  # it may have been written by a put that was killed
            assert await self.archives[0].get(body_hash) == body

    async def kill(self, bodies: list[bytes], at: str) -> None:
        new = {each: body for each, body in named(*bodies).items() if not await self.archives[0].exists(each)}
        if new:
            await killed_put(self.archives[0], new, self.patch, at)

    async def tear(self, bodies: list[bytes], fraction: float) -> None:
        """The power goes while a batch is written: its pack ends at any byte of it."""
        before = {path: path.stat().st_size for path in packs(self.folder)}
        await self.kill(bodies, "flush")
        for path in packs(self.folder):
            kept, size = before.get(path, 0), path.stat().st_size
            os.truncate(path, kept + round((size - kept) * fraction))

    async def restart(self, what: str) -> None:
        for each in self.archives:
            await each.close()
        index, saved = self.folder / "packs" / "index.db", self.folder / "saved"
        if what == "lose index" and index.exists():
            lose_index(self.folder)
        elif what == "save index" and index.exists():
            shutil.copy(index, saved)
        elif what == "restore index" and saved.exists():
            shutil.copy(saved, index)

    async def check(self) -> None:
        for archive in self.archives:
            for body_hash, body in self.promised.items():
                assert await archive.get(body_hash) == body
                assert await archive.exists(body_hash)
            await archive.close()


@given(steps=st.lists(STEPS, max_size=12))
async def test_whatever_happens_a_body_whose_put_returned_is_there(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, object]]
) -> None:
    history = History(tmp_path_factory.mktemp("history") / "archive", monkeypatch)
    for what, about in steps:
        await history.step(what, about)
    await history.check()


# --- a full disk, a folder that cannot be written ---------------------------------------------------------------------


async def test_a_full_disk_keeps_whole_bodies_only(archive: Archive, folder: Path) -> None:
    before = named(b"kept")
    await archive.put(before)
    small, large = named(b"small"), named(os.urandom(100_000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(Permanent, match=r"cannot use the archive .*nothing stored is lost") as caught:
            await archive.put(small | large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.reason in {"disk_full", "archive_unavailable"}
    assert not await archive.exists(*large)
    assert sum(sizes(folder)) < 1000, "the room of the torn record is given back"
    assert await archive.get(*before) == b"kept"
    await archive.put(small | large)
    assert await archive.get(*large) == next(iter(large.values()))


@pytest.mark.parametrize("name", ["_sync_data", "flush_folder"])
async def test_no_space_is_called_by_its_name(
    archive: Archive, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pack_writer, name, full)
        with pytest.raises(Permanent, match=r"No space left on device.*free some space") as caught:
            await archive.put(named(b"body"))
    assert caught.value.reason == "disk_full"
    await archive.put(named(b"body"))
    assert await archive.get(*named(b"body")) == b"body"


async def test_an_index_that_is_full_promises_nothing(opening: Opening, folder: Path) -> None:
    archive = opening()
    await archive.put(named(b"before"))
    assert archive._index is not None
    archive._index._connection.execute("PRAGMA max_page_count = 8")
    bodies = named(*(b"%d" % number for number in range(2000)))
    with pytest.raises(Permanent, match=r"index\.db, cannot be used.*free some space") as caught:
        await archive.put(bodies)
    assert caught.value.reason == "disk_full"
    assert await archive.get(*named(b"before")) == b"before"
    written = sizes(folder)
    await archive.close()
    await archive.put(bodies)
    assert sizes(folder) == written, "what was written the first time is found, and not written twice"
    assert [await archive.get(body_hash) for body_hash in bodies] == list(bodies.values())


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file where the folder should be")
    archive = PackArchive(tmp_path / "archive", compression_level=3)
    with pytest.raises(Permanent, match=r"/archive: .*check the folder") as caught:
        await archive.put(named(b"body"))
    assert caught.value.reason == "archive_unavailable"


async def test_an_index_that_cannot_be_opened_is_told_to_readers_too(opening: Opening, folder: Path) -> None:
    (folder / "packs" / "index.lock").mkdir(parents=True)
    archive = opening()
    for ask in (archive.get, archive.exists):
        with pytest.raises(Permanent, match=r"/archive: .*check the folder") as caught:
            await ask("0" * 64)
        assert caught.value.reason == "archive_unavailable"


async def test_a_body_is_indexed_only_after_its_bytes_and_its_pack_are_on_the_disk(
    archive: Archive, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    sync_data, flush, add = pack_writer._sync_data, pack_writer.flush_folder, pack_index.PackIndex.add

    def synced(descriptor: int) -> None:
        happened.append("data")
        sync_data(descriptor)

    def flushed(path: Path) -> None:
        happened.append(f"names in {path.name}")
        flush(path)

    def added(*arguments: object) -> None:
        happened.append("index")
        add(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pack_writer, "_sync_data", synced)
    monkeypatch.setattr(pack_writer, "flush_folder", flushed)
    monkeypatch.setattr(pack_index.PackIndex, "add", added)
    await archive.put(named(b"body", b"other"))
    await archive.put(named(b"later"))
    assert happened == ["names in packs", "data", "index", "data", "index"]


# --- several processes ------------------------------------------------------------------------------------------------

CHILD = """
import asyncio, os, sys
from hashlib import sha256
from pathlib import Path
from tidemill.archive.packs import PackArchive

async def main(folder, first, last):
    archive = PackArchive(Path(folder), compression_level=1, pack_bytes=20_000)
    for start in range(int(first), int(last), 20):
        bodies = [b"%d" % number * 50 for number in range(start, start + 20)]
        await archive.put({sha256(body).hexdigest(): body for body in bodies})
        print(start + 20, flush=True)
        for body in bodies[::7]:
            assert await archive.get(sha256(body).hexdigest()) == body
    await archive.close()

asyncio.run(main(*sys.argv[1:]))
"""


def started(folder: Path, first: int, last: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(CHILD), str(folder), str(first), str(last)]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


async def test_several_processes_put_and_get_at_once(opening: Opening, folder: Path) -> None:
    """Each puts a range that overlaps with its neighbours'; the index of the first makes itself meanwhile."""
    children = [started(folder, first, first + 800) for first in (0, 400, 800)]
    archive = opening()
    await archive.put(named(b"of ours"))
    for child in children:
        await asyncio.to_thread(child.communicate, timeout=60)
        assert child.returncode == 0
    bodies = named(*(b"%d" % number * 50 for number in range(1600)))
    assert [await archive.get(body_hash) for body_hash in bodies] == list(bodies.values())


@pytest.mark.parametrize("batches", [1, 5, 30])
async def test_a_process_that_is_killed_loses_nothing_that_it_was_told_is_there(
    opening: Opening, folder: Path, batches: int
) -> None:
    promised = 0
    with started(folder, 0, 100_000) as child:
        assert child.stdout is not None
        for _ in range(batches):
            promised = int(await asyncio.to_thread(child.stdout.readline))
        child.kill()
    archive = opening()
    bodies = named(*(b"%d" % number * 50 for number in range(promised)))
    assert [await archive.get(body_hash) for body_hash in bodies] == list(bodies.values())
    await archive.put(named(b"after"))
    assert await archive.get(*named(b"after")) == b"after"


# --- archives of earlier versions -------------------------------------------------------------------------------------


def old_file(folder: Path, body_hash: str) -> Path:
    return folder / body_hash[:2] / body_hash[2:4] / f"{body_hash}.zst"


@pytest.fixture
def old(folder: Path) -> dict[str, bytes]:
    bodies = named(b"one of old", b"another of old")
    for body_hash, body in bodies.items():
        old_file(folder, body_hash).parent.mkdir(parents=True)
        old_file(folder, body_hash).write_bytes(zstd.compress(body))
    return bodies


async def test_bodies_of_earlier_versions_are_read_and_not_put_again(
    opening: Opening, folder: Path, old: dict[str, bytes]
) -> None:
    archive = opening()
    assert [await archive.get(body_hash) for body_hash in old] == list(old.values())
    await archive.put(old | named(b"new"))
    (pack,) = packs(folder)
    assert place(folder, *named(b"new"))[2] == pack.stat().st_size - len(HEADER)
    for body_hash, body in (old | named(b"new")).items():
        assert await archive.exists(body_hash)
        assert await archive.get(body_hash) == body


@pytest.mark.parametrize("raw", [b"", b"not zstd", zstd.compress(b"another body")])
async def test_damage_of_an_old_file_is_found(
    opening: Opening, folder: Path, old: dict[str, bytes], raw: bytes
) -> None:
    archive, body_hash = opening(), next(iter(old))
    path = old_file(folder, body_hash)
    path.write_bytes(raw)
    with pytest.raises(Permanent, match=r"is damaged \(.*move the file away") as caught:
        await archive.get(body_hash)
    assert caught.value.reason == "archive_corrupt"
    assert str(path) in str(caught.value)
    path.unlink()
    await archive.put({body_hash: old[body_hash]})
    assert await archive.get(body_hash) == old[body_hash]


async def test_a_system_that_cannot_read_just_now_has_not_damaged_anything(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, body = opening(), b"as sound as ever"
    (body_hash,) = bodies = named(body)
    await archive.put(bodies)

    def no_descriptor(*_: object) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as short:
        short.setattr(os, "pread", no_descriptor)
        with pytest.raises(Permanent, match="Too many open files") as caught:
            await archive.get(body_hash)
    assert caught.value.reason == "archive_unavailable"
    assert await archive.get(body_hash) == body
    assert await archive.locate([body_hash]), "its place is still believed in"
