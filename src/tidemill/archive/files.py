"""The archive in a folder: one zstd file a body, `ab/cd/<sha256>.zst`.

A file is written beside its place, flushed to disk and renamed, so that whatever happens a name stands for a whole
body. All files of a batch are written before the first is flushed: the flushes then share the work of the disk.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from backports import zstd

from tidemill.errors import Permanent
from tidemill.models.ids import new_id


class FileArchive:
    """Implements `archive.base.Archive` over a folder."""

    def __init__(self, root: Path, *, compression_level: int) -> None:
        self._root = root
        self._level = compression_level

    async def put(self, bodies: Mapping[str, bytes]) -> None:
        """See `Archive.put`."""
        await asyncio.to_thread(self._put, bodies)

    async def get(self, body_hash: str) -> bytes:
        """See `Archive.get`."""
        return await asyncio.to_thread(self._get, body_hash)

    async def exists(self, body_hash: str) -> bool:
        """See `Archive.exists`."""
        return await asyncio.to_thread(self._path(body_hash).exists)

    def _path(self, body_hash: str) -> Path:
        return self._root / body_hash[:2] / body_hash[2:4] / f"{body_hash}.zst"

    def _put(self, bodies: Mapping[str, bytes]) -> None:
        written: list[tuple[Path, Path]] = []
        try:
            for body_hash, body in bodies.items():
                path = self._path(body_hash)
                if not path.exists():
                    written.append((self._write_beside(path, body), path))
            for temporary, path in written:
                _flush(temporary)
                temporary.replace(path)
            for folder in {path.parent for _, path in written}:
                _flush(folder)
        except OSError as error:
            for temporary, _ in written:
                temporary.unlink(missing_ok=True)
            raise self._unwritable(error) from error

    def _write_beside(self, path: Path, body: bytes) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{new_id()}")
        try:
            temporary.write_bytes(zstd.compress(body, self._level))
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

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
