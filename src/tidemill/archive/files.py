"""The archive in a folder: one zstd file a body, `ab/cd/<sha256>.zst`.

A file is written in `.incoming/`, flushed to disk and renamed, so that whatever happens a name stands for a whole
body. All files of a batch are written before the first is flushed, and then flushed side by side: the flushes share the
work of the disk (64 files: 5 ms instead of 14).
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from backports import zstd

from tidemill.errors import Permanent
from tidemill.models.ids import new_id

_FLUSHERS = 6
_LEFT_BEHIND_S = 3600.0


@dataclass(frozen=True, slots=True)
class _Written:
    """A body that is written, and the place that it is to have. `is_first`: in a folder that was not there before."""

    temporary: Path
    path: Path
    is_first: bool


class FileArchive:
    """Implements `archive.base.Archive` over a folder."""

    def __init__(self, root: Path, *, compression_level: int) -> None:
        self._root = root
        self._incoming = root / ".incoming"
        self._level = compression_level
        self._swept = False

    async def put(self, bodies: Mapping[str, bytes]) -> None:
        """See `Archive.put`."""
        written: list[_Written] = []
        try:
            await asyncio.to_thread(self._write, bodies, written)
            slices = [written[start::_FLUSHERS] for start in range(min(_FLUSHERS, len(written)))]
            await asyncio.gather(*(asyncio.to_thread(_make_durable, each) for each in slices))
        except OSError as error:
            for each in written:
                each.temporary.unlink(missing_ok=True)
            raise self._unwritable(error) from error

    async def get(self, body_hash: str) -> bytes:
        """See `Archive.get`."""
        return await asyncio.to_thread(self._get, body_hash)

    async def exists(self, body_hash: str) -> bool:
        """See `Archive.exists`."""
        return await asyncio.to_thread(self._path(body_hash).exists)

    def _path(self, body_hash: str) -> Path:
        return self._root / body_hash[:2] / body_hash[2:4] / f"{body_hash}.zst"

    def _write(self, bodies: Mapping[str, bytes], written: list[_Written]) -> None:
        """Write the bodies that are not there yet; `written` tells of them even if one fails."""
        self._sweep()
        for body_hash, body in bodies.items():
            path = self._path(body_hash)
            if path.exists():
                continue
            is_first = not path.parent.exists()
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._incoming / new_id()
            written.append(_Written(temporary, path, is_first))
            temporary.write_bytes(zstd.compress(body, self._level))

    def _sweep(self) -> None:
        """Make the folder of half-written files, and once a process remove what killed ones left in it."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        if self._swept:
            return
        oldest = time.time() - _LEFT_BEHIND_S
        for path in self._incoming.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()
        self._swept = True

    def _get(self, body_hash: str) -> bytes:
        path = self._path(body_hash)
        try:
            body = zstd.decompress(path.read_bytes())
        except FileNotFoundError as error:
            raise Permanent(
                f"the archive has no body {body_hash} ({path}); crawl the page again to bring it back",
                reason="archive_missing",
            ) from error
        except (OSError, zstd.ZstdError) as error:
            raise _corrupt(path, str(error)) from error
        if sha256(body).hexdigest() != body_hash:
            raise _corrupt(path, "its content has another hash")
        return body

    def _unwritable(self, error: OSError) -> Permanent:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "free some space" if full else "check the folder and its rights"
        return Permanent(
            f"cannot write to the archive {self._root}: {error.strerror}; nothing stored is lost:"
            f" {remedy} and run the command again",
            reason="disk_full" if full else "archive_unavailable",
        )


def _make_durable(written: list[_Written]) -> None:
    for each in written:
        _flush(each.temporary)
        each.temporary.replace(each.path)
    folders = {each.path.parent for each in written}
    folders |= {folder for each in written if each.is_first for folder in each.path.parents[1:3]}
    for folder in folders:
        _flush(folder)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _corrupt(path: Path, why: str) -> Permanent:
    return Permanent(
        f"the archived body {path} is damaged ({why}); move the file away and crawl the page again to replace it",
        reason="archive_corrupt",
    )
