"""Archives of earlier versions: one zstd file a body, `ab/cd/<sha256>.zst`. They are read, and never written any more.

In: a hash that no pack has. Out: the body, verified. Called by the archive of packs.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from backports import zstd

from tidemill.archive.faults import corrupt

_REMEDY = "move the file away and crawl the page again to replace it"


class BodyFiles:
    """The bodies below a folder that have a file of their own."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._any: bool | None = None

    def has(self, body_hash: str) -> bool:
        """Whether there is such a file. In a folder that was never of this layout the answer costs nothing."""
        if self._any is None:
            self._any = next(self._root.glob("[0-9a-f][0-9a-f]"), None) is not None
        return self._any and self._path(body_hash).exists()

    def read(self, body_hash: str) -> bytes | None:
        """The body, or None if no file has it. Raises `Permanent` (`archive_corrupt`)."""
        path = self._path(body_hash)
        try:
            body = zstd.decompress(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, zstd.ZstdError) as error:
            raise corrupt(str(path), str(error), _REMEDY) from error
        if sha256(body).hexdigest() != body_hash:
            raise corrupt(str(path), "its content has another hash", _REMEDY)
        return body

    def _path(self, body_hash: str) -> Path:
        return self._root / body_hash[:2] / body_hash[2:4] / f"{body_hash}.zst"
