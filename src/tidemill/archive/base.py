"""The port of the archive: bytes by the SHA-256 of their content."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

from tidemill.archive.extents import Extent

LOST = frozenset({"archive_missing", "archive_corrupt"})
"""The reasons that mean that a body is not there any more, or not as it was."""


class Archive(Protocol):
    """Content-addressed storage. Putting what is there already changes nothing."""

    async def put(self, bodies: Mapping[str, bytes]) -> None:
        """Keep bodies under their hashes (lower-case hexadecimal SHA-256); they are durable when this returns.

        Raises `Permanent` (`disk_full`, `archive_unavailable`) and then keeps none or some of them, each whole.
        """

    async def get(self, body_hash: str) -> bytes:
        """The body of that hash, verified. Raises `Permanent` (`archive_missing`, `archive_corrupt`)."""

    async def exists(self, body_hash: str) -> bool:
        """Whether the body is there (not whether it is intact)."""

    async def close(self) -> None:
        """Let go of files and connections. Closing twice is harmless; nothing that was put waits for it."""


@runtime_checkable
class LocalArchive(Archive, Protocol):
    """An archive in files of this machine: other processes of it may read bodies by themselves."""

    async def locate(self, body_hashes: Collection[str]) -> Mapping[str, Extent]:
        """Where these bodies lie, as far as that is known without looking. What is left out `get` may know of."""
