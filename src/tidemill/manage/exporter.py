"""Works on the jobs of exports: takes one up, writes its file, puts that on the shelf, says so. One at a time.

In: the store, the shelf and the search engine. Out: whole files. A file is written under a name of its own, which bears
the token of the take-up, and is a job's only once that says so; so a kill at any moment leaves nothing that somebody
would take for an export, and whoever comes next begins anew. Run by the roles.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import time
from datetime import timedelta
from pathlib import Path

from tidemill.archive.base import Archive
from tidemill.deliver.export.shelf import BucketShelf, FolderShelf, Shelf
from tidemill.errors import Conflict, NoSpace, Permanent, TidemillError, Transient
from tidemill.manage.exports import Records, Search, Wanted, found_ids, named, selected, wanted_of, write
from tidemill.manage.presence import at_work
from tidemill.models.export import Finished, Held
from tidemill.settings import ExportsSettings, Settings
from tidemill.store import exports, workers
from tidemill.store.engine import Store
from tidemill.telemetry.logs import bind, get_logger
from tidemill.telemetry.steps import reached

MOST_ATTEMPTS = 5
_LOOK_S = 1.0
_AFTER_FAILURE_S = 5.0
_SAVE_S = 2.0
_TIDY_S = 600.0
_STALE_S = 86_400.0
_log = get_logger(__name__)


class _Stopped(Exception):
    """The process is to end."""


def open_shelf(settings: Settings, archive: Archive) -> Shelf:
    """Where files are kept: beside the archive if that is on S3, else in the data folder."""
    if settings.archive_url.startswith("s3:"):
        from tidemill.archive.objects import ObjectArchive

        if isinstance(archive, ObjectArchive):
            return BucketShelf(archive.bucket)
    return FolderShelf(folder_of(settings))


def folder_of(settings: Settings) -> Path:
    """Where files are written."""
    return settings.data_dir / "exports"


class Exporter:
    """`search` is the engine of this process; without it, exports of searches are left to others."""

    def __init__(
        self,
        store: Store,
        shelf: Shelf,
        folder: Path,
        settings: ExportsSettings,
        *,
        lease_s: float,
        search: Search | None,
    ) -> None:
        self._store = store
        self._shelf = shelf
        self._folder = folder
        self._settings = settings
        self._lease_s = lease_s
        self._search = search
        self._tidied_at = -_TIDY_S

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. What fails is said, and tried again later; it ends no other work."""
        while not stop.is_set():
            pause_s = _LOOK_S
            try:
                await self.work(stop)
                await self._tidy()
            except (TidemillError, OSError) as error:
                reason = getattr(error, "reason", "os_error")
                _log.warning("exports have to wait", action="export.wait", reason=reason, error=str(error))
                pause_s = _AFTER_FAILURE_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause_s)

    async def work(self, stop: asyncio.Event) -> None:
        """Do what waits."""
        queries = self._search is not None
        waits = await exports.waiting(self._store, queries=queries)
        if waits is False:  # somebody is at it, who may have died
            await workers.reclaim(self._store, self._lease_s)
            waits = await exports.waiting(self._store, queries=queries)
        if not waits:
            return
        async with at_work(self._store, "exporter", self._lease_s) as worker:
            while not stop.is_set() and (held := await exports.take(self._store, worker.id, queries=queries)):
                with bind(export_id=held.id):
                    await self._attend(held, stop)

    async def _attend(self, held: Held, stop: asyncio.Event) -> None:
        """One job, to whatever end."""
        try:
            if held.left_over is not None:
                await self._shelf.delete(held.left_over)
            if held.attempts > MOST_ATTEMPTS:
                raise Permanent(
                    f"given up after {MOST_ATTEMPTS} attempts, none of which came to an end; the log tells of them",
                    reason="export_attempts",
                )
            await self._make(held, stop)
        except (_Stopped, asyncio.CancelledError):
            with contextlib.suppress(Conflict):
                await exports.give_back(self._store, held, tried=False)
            if not stop.is_set():
                raise
        except Conflict as error:
            if error.reason != "job_lost":
                await self._fail(held, error)
            _log.info("the export is not wanted any more", action="export.lost", error=str(error))
        except Transient:
            await exports.give_back(self._store, held, tried=True)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this job's end and not that of the role
            await self._fail(held, error)

    async def _fail(self, held: Held, error: Exception) -> None:
        known = isinstance(error, TidemillError)
        reason = error.reason if isinstance(error, TidemillError) else "internal_error"
        _log.error("export failed", action="export.failed", reason=reason, error=str(error), exc_info=not known)
        told = f"{reason}: {error}" if known else "internal_error: the server failed; its log tells why"
        with contextlib.suppress(Conflict):
            await exports.fail(self._store, held, told[:500])

    async def _make(self, held: Held, stop: asyncio.Event) -> None:
        wanted = wanted_of(held.request)
        name = f"{held.id}.{held.token}.{wanted.format.extension}"
        part = self._folder / f".{name}.part"
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        began = time.monotonic()
        try:
            records, is_cut = await self._records(wanted)
            rows = await self._written(held, wanted, records, part, stop)
            size, digest = await asyncio.to_thread(_sealed, part)
            await exports.save(self._store, held, rows, name)
            await self._shelf.put(name, part)
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        finally:
            await asyncio.shield(asyncio.to_thread(part.unlink, missing_ok=True))
        reached("export.shelved")
        try:
            await exports.finish(self._store, held, Finished(rows, size, digest, name, is_cut))
        except Conflict:
            await self._shelf.delete(name)
            raise
        seconds = round(time.monotonic() - began, 3)
        _log.info("exported", action="export.done", documents=rows, bytes=size, duration_s=seconds)

    async def _records(self, wanted: Wanted) -> tuple[Records, bool]:
        if wanted.query is None:
            return selected(self._store, wanted.selection), False
        if self._search is None:
            raise Transient("this process has no search engine", reason="no_engine")
        ids, is_cut = await found_ids(self._search, wanted.query, self._settings.max_hits)
        return named(self._store, ids), is_cut

    async def _written(self, held: Held, wanted: Wanted, records: Records, part: Path, stop: asyncio.Event) -> int:
        saved_at = time.monotonic()

        async def tell(rows: int) -> None:
            nonlocal saved_at
            reached("export.batch")
            if stop.is_set():
                raise _Stopped
            if time.monotonic() - saved_at >= _SAVE_S:
                saved_at = time.monotonic()
                await exports.save(self._store, held, rows)

        with await asyncio.to_thread(part.open, "wb") as out:
            return await write(out, wanted.format, records, tell)

    async def _tidy(self) -> None:
        """Now and then let go of what is too old: files with their jobs, and what killed processes have left."""
        if time.monotonic() - self._tidied_at < _TIDY_S:
            return
        self._tidied_at = time.monotonic()
        async with self._store.read():
            before = self._store.now() - timedelta(days=self._settings.keep_days)
        while old := await exports.finished_before(self._store, before):
            for each in old:
                if each.file is not None:
                    await self._shelf.delete(each.file)
            await exports.forget(self._store, [each.id for each in old])
        await asyncio.to_thread(_drop_stale, self._folder)


def _sealed(part: Path) -> tuple[int, str]:
    """The size and the SHA-256 of a file, which is on the disk for good when this returns."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def _drop_stale(folder: Path) -> None:
    for path in folder.glob(".*.part"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _STALE_S:
                path.unlink()


def _unwritable(folder: Path, error: OSError) -> Permanent:
    message = f"cannot write to {folder}: {error.strerror or error}; make room or give the rights, then export again"
    return NoSpace(message) if error.errno in (28, 122) else Permanent(message, reason="export")
