"""A bucket and a prefix on S3: whole objects in, ranges out. Called by the archive on S3, and by nobody else.

Every request is tried again with a growing random delay until `deadline_s`: requests of ours may be repeated, since an
object of a name is always the same bytes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from tidemill.archive.bucket_faults import explain, fault_of
from tidemill.errors import Invalid
from tidemill.settings import ArchiveSettings
from tidemill.telemetry.logs import get_logger

try:
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store
except ImportError as _error:  # pragma: no cover - the extra is installed wherever tests run
    raise Invalid(
        "archive.url begins with s3:, and the client for S3 is not installed; install tidemill[s3]",
        reason="archive_url",
    ) from _error

_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.1, 10.0
_PART_BYTES = 8 << 20
_LISTED_AT_ONCE = 1000
_log = get_logger(__name__)
T = TypeVar("T")


class Missing(Exception):
    """There is no object of that name."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as it is listed: its name below the prefix, its size, and when the server wrote it."""

    name: str
    size_bytes: int
    written_at: datetime


class Bucket:
    """The part of a bucket below a prefix. Opens no connection before it is asked for something."""

    def __init__(self, settings: ArchiveSettings, url: str) -> None:
        parsed = urlsplit(url)
        self.name, self._prefix = parsed.netloc, unquote(parsed.path).strip("/")
        self.endpoint = settings.endpoint.rstrip("/") or f"https://s3.{settings.region}.amazonaws.com"
        self._deadline_s, self._request_timeout_s = settings.deadline_s, settings.request_timeout_s
        self._uploads: set[asyncio.Task[None]] = set()
        self._store = _store(settings, self.name, self.endpoint)
        self._random = random.Random()  # noqa: S311 - jitter

    def __repr__(self) -> str:
        return f"s3://{self._key('')}"

    async def put(self, name: str, content: bytes) -> None:
        """Write an object; it is durable when this returns. Large ones go in parts, and appear when all are there."""
        if len(content) <= _PART_BYTES:
            await self._tried(
                name, lambda: obstore.put_async(self._store, self._path(name), content, use_multipart=False)
            )
        else:
            patience = len(content) / _PART_BYTES
            await self._tried(name, lambda: self._upload(name, content), patience=patience)

    async def put_file(self, name: str, path: Path) -> None:
        """Write an object of any size from a file, a few parts in memory at a time; durable when this returns."""
        size_bytes = (await asyncio.to_thread(path.stat)).st_size
        patience = max(1.0, size_bytes / _PART_BYTES)
        await self._tried(name, lambda: self._upload(name, path), patience=patience)

    async def close(self) -> None:
        """Let uploads that were given up take their parts away."""
        if self._uploads:
            await asyncio.wait(self._uploads, timeout=self._request_timeout_s)

    async def get(self, name: str, start: int, length: int) -> bytes:
        """A range of an object, shorter if it ends before; one request. Raises `Missing`."""
        found = await self._tried(
            name, lambda: obstore.get_range_async(self._store, self._path(name), start=start, length=length)
        )
        return bytes(found)

    async def get_all(self, name: str) -> bytes:
        """A whole object. Raises `Missing`."""

        async def read() -> bytes:
            return bytes(await (await obstore.get_async(self._store, self._path(name))).bytes_async())

        return await self._tried(name, read)

    async def listed(self, folder: str, after: str = "") -> AsyncIterator[list[Listed]]:
        """The objects of a folder behind a name, in the order of their names, as the server gives them."""
        offset = self._path(f"{folder}/{after}") if after else None
        while True:
            page, is_last = await self._tried(f"{folder}/", partial(self._page, folder, offset))
            if page:
                yield [each for each, _ in page]
                offset = page[-1][1]
            if is_last:
                return

    async def move(self, name: str, to: str) -> None:
        """Copy an object on the server and delete it here. Raises `Missing`."""
        await self._tried(name, lambda: obstore.copy_async(self._store, self._path(name), self._path(to)))
        await self.delete(name)

    async def delete(self, name: str) -> None:
        """Delete an object; harmless if it is not there."""
        await self._tried(name, lambda: obstore.delete_async(self._store, self._path(name)))

    async def _upload(self, name: str, content: bytes | Path) -> None:
        """In parts. Cut off in the middle it would leave them there for ever: a try goes on to its end even if nobody
        waits for it, and either fails, and takes them away, or makes the object that was wanted.
        """

        async def trying() -> None:
            await obstore.put_async(self._store, self._path(name), content, use_multipart=True, chunk_size=_PART_BYTES)

        upload = asyncio.create_task(trying(), name=f"upload {name}")
        self._uploads.add(upload)
        upload.add_done_callback(self._ended)
        await asyncio.shield(upload)

    def _ended(self, upload: asyncio.Task[None]) -> None:
        self._uploads.discard(upload)
        if not upload.cancelled():
            upload.exception()  # whoever still waits is told; nobody else asks

    async def _page(self, folder: str, offset: str | None) -> tuple[list[tuple[Listed, str]], bool]:
        """One answer of the server to a question for names; and whether it was the last."""
        prefix = self._path(folder)
        stream = obstore.list(self._store, prefix, offset=offset, chunk_size=_LISTED_AT_ONCE)
        try:
            metas: Any = await stream.__anext__()
        except StopAsyncIteration:
            return [], True
        start = len(prefix) + 1
        page = [
            (Listed(meta["path"][start:], meta["size"], meta["last_modified"].astimezone(UTC)), meta["path"])
            for meta in metas
        ]
        return page, len(page) < _LISTED_AT_ONCE

    async def _tried(self, name: str, ask: Callable[[], Awaitable[T]], *, patience: float = 1.0) -> T:
        loop = asyncio.get_running_loop()
        begun, delay_s = loop.time(), _FIRST_DELAY_S
        deadline = begun + self._deadline_s * patience
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    return await ask()
            except TimeoutError as error:
                raise explain(fault_of(error), f"s3://{self._key(name)}", self.endpoint, loop.time() - begun) from error
            except (BaseError, FileNotFoundError) as error:  # of ranges the client says it with Python's own
                fault, cause = fault_of(error), error
            if fault.is_missing:
                raise Missing(name) from cause
            pause_s = self._random.uniform(delay_s / 2, delay_s)
            if not fault.may_pass or loop.time() + pause_s >= deadline:
                raise explain(fault, f"s3://{self._key(name)}", self.endpoint, loop.time() - begun) from None
            _log.info("S3 is asked again", action="archive.retry", key=self._key(name), error=fault.said)
            await asyncio.sleep(pause_s)
            delay_s = min(delay_s * 2, _LONGEST_DELAY_S)

    def _path(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _key(self, name: str) -> str:
        return f"{self.name}/{self._path(name)}"


def _store(settings: ArchiveSettings, bucket: str, endpoint: str) -> S3Store:
    """The client. What it would take from the environment by itself is said here, so that nothing strays in."""
    is_virtual = settings.addressing == "virtual" or (settings.addressing == "auto" and not settings.endpoint)
    if is_virtual:
        scheme, _, host = endpoint.partition("://")
        endpoint = f"{scheme}://{bucket}.{host}"
    config: dict[str, Any] = {
        "endpoint": endpoint,
        "aws_endpoint_url_s3": endpoint,
        "region": settings.region,
        "virtual_hosted_style_request": is_virtual,
        "skip_signature": False,
        "unsigned_payload": False,
        "s3_express": False,
        "checksum_algorithm": "SHA256",
    }
    if settings.encryption != "none":
        config["server_side_encryption"] = settings.encryption
        if settings.kms_key:
            config["sse_kms_key_id"] = settings.kms_key
    if settings.credentials == "settings":
        config["credential_provider"] = _given_keys(settings)
    timeout = timedelta(seconds=settings.request_timeout_s)
    return S3Store(
        bucket,
        client_options={"allow_http": settings.allow_http, "timeout": timeout, "connect_timeout": timeout},
        retry_config={"max_retries": 0, "retry_timeout": timeout},  # asking again is ours, with one deadline for all
        **config,
    )


def _given_keys(settings: ArchiveSettings) -> Callable[[], Any]:
    if settings.access_key is None or settings.secret_key is None:
        raise Invalid(
            "an archive on S3 wants archive.access_key and archive.secret_key; or set archive.credentials to chain",
            reason="archive_url",
        )
    key = {
        "access_key_id": settings.access_key.get_secret_value().strip(),
        "secret_access_key": settings.secret_key.get_secret_value().strip(),
        "token": None,
        "expires_at": None,
    }
    return lambda: dict(key)
