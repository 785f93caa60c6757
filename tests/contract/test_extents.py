"""Workers read bodies from the archive by themselves; what they cannot read comes from the archive as ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from tidemill.archive.base import LocalArchive
from tidemill.archive.extents import Extent, Unreadable, read
from tidemill.archive.packs import PackArchive
from tidemill.models.capture import Capture
from tidemill.models.document import Processed
from tidemill.models.failure import Failure
from tidemill.models.source import ProcessRules
from tidemill.process.compute import Computer
from tidemill.process.pool import WorkerPool
from tidemill.settings.tree import ProcessSettings

BODIES = [f"<title>Page {n}</title><p>{'Some words of a page that is read. ' * 9}{n}".encode() for n in range(4)]
HASHES = [sha256(body).hexdigest() for body in BODIES]


class Watched(PackArchive):
    """Remembers what it was asked."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, compression_level=3)
        self.located: list[int] = []
        self.got: list[str] = []

    async def locate(self, body_hashes: Collection[str]) -> Mapping[str, Extent]:
        found = await super().locate(body_hashes)
        self.located.append(len(body_hashes))
        return found

    async def get(self, body_hash: str) -> bytes:
        self.got.append(body_hash)
        return await super().get(body_hash)


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Watched]:
    archive = Watched(tmp_path / "archive")
    await archive.put(dict(zip(HASHES, BODIES, strict=True)))
    yield archive
    await archive.close()


def capture(number: int) -> Capture:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    size = len(BODIES[number])
    return Capture(
        str(number), "r", "p", "s", "http://a.example/", at, 200, "text/html", "text/html", HASHES[number], size
    )


async def computed(archive: Watched) -> list[Processed | Failure]:
    async with WorkerPool(ProcessSettings(workers=1)) as pool:
        computer = Computer(archive, pool)
        return await asyncio.gather(*(computer.compute(capture(n), ProcessRules()) for n in range(len(BODIES))))


def titles(results: list[Processed | Failure]) -> list[str]:
    return [result.drafts[0].title for result in results if isinstance(result, Processed)]


def spoil(extent: Extent, how: str) -> None:
    """Do to a pack what should not be done to it."""
    pack = Path(extent.path)
    content = bytearray(pack.read_bytes())
    if how == "moved":
        pack.rename(pack.with_suffix(".gone"))
    elif how == "cut":
        pack.write_bytes(content[: extent.offset + 10])
    elif how == "overwritten":
        pack.write_bytes(content[: extent.offset] + b"\0" * extent.length)
    else:
        content[extent.offset + extent.length - 5] ^= 0xFF
        pack.write_bytes(content)


async def test_an_extent_is_all_that_is_needed_to_read_a_body(archive: Watched) -> None:
    assert isinstance(archive, LocalArchive)
    extents = await archive.locate([*HASHES, "00" * 32])
    assert [read(extents[each]) for each in HASHES] == BODIES
    assert len(extents) == len(HASHES)


async def test_an_archive_without_packs_locates_nothing_and_makes_no_folder(tmp_path: Path) -> None:
    archive = PackArchive(tmp_path / "none", compression_level=3)
    assert await archive.locate(HASHES) == {}
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("lost", ["moved", "cut", "overwritten", "flipped"])
async def test_what_is_not_there_any_more_is_unreadable(archive: Watched, lost: str) -> None:
    extent = (await archive.locate(HASHES))[HASHES[-1]]
    spoil(extent, lost)
    with pytest.raises(Unreadable, match=HASHES[-1]):
        read(extent)


async def test_a_batch_is_located_at_once_and_read_by_the_workers(archive: Watched) -> None:
    assert titles(await computed(archive)) == [f"Page {n}" for n in range(4)]
    assert archive.located == [4]
    assert archive.got == []


async def test_what_a_sweep_has_moved_since_is_asked_of_the_archive(archive: Watched, tmp_path: Path) -> None:
    async def outdated(body_hashes: Collection[str]) -> Mapping[str, Extent]:
        return {each: Extent(str(tmp_path / "swept.pack"), 0, 10, bytes.fromhex(each)) for each in HASHES}

    archive.locate = outdated  # type: ignore[method-assign]
    assert titles(await computed(archive)) == [f"Page {n}" for n in range(4)]
    assert sorted(archive.got) == sorted(HASHES)


async def test_a_damaged_body_is_the_archives_to_report(archive: Watched) -> None:
    extent = (await archive.locate(HASHES))[HASHES[2]]
    spoil(extent, "flipped")
    results = await computed(archive)
    assert titles(results) == ["Page 0", "Page 1", "Page 3"]
    assert isinstance(results[2], Failure)
    assert results[2].reason == "archive_corrupt"
