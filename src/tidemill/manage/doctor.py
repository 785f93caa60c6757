"""The doctor: looks at the machine, the data folder, the database, the archive and the index, and mends nothing."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from tidemill.archive.base import Archive
from tidemill.crawl.browser.options import find_browser
from tidemill.errors import Invalid, TidemillError
from tidemill.process.steps import entities
from tidemill.search.indexer import Indexer
from tidemill.settings import BrowserSettings, ProcessSettings, Settings
from tidemill.store import examination, schema
from tidemill.store.engine import Store
from tidemill.store.tables import captures

_LEAST_FREE = 1 << 30
_SAMPLE = 20


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing looked at: `status` is `ok`, `warn` or `fail`; `detail` says what was seen, and the way out."""

    check: str
    status: str
    detail: str


@dataclass(frozen=True, slots=True)
class Patient:
    """The opened parts that a thorough examination needs."""

    store: Store
    archive: Archive
    indexer: Indexer
    place: str = "archive"


def examine_machine(settings: Settings) -> list[Diagnosis]:
    """What can be seen without opening anything."""
    python = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores"
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    agent = settings.crawl.contact_url
    return [
        Diagnosis("python", "ok" if supported else "fail", python),
        _folder(settings.data_dir),
        Diagnosis(
            "contact",
            "ok" if agent else "warn",
            agent or "crawl.contact_url is empty; site owners cannot ask who is crawling them",
        ),
        _browser(settings.browser),
        _entities(settings.process),
    ]


async def examine_kept(patient: Patient) -> list[Diagnosis]:
    """What is kept: database, archive and index."""
    return [
        await _asked("database", lambda: _database(patient.store)),
        await _asked("archive", lambda: _archive(patient)),
        await _asked("search", lambda: _search(patient.indexer)),
    ]


def _folder(folder: Path) -> Diagnosis:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(there, os.W_OK):
        return Diagnosis("data folder", "fail", f"{there} is not writable; choose another --data-dir")
    free = shutil.disk_usage(there).free
    return Diagnosis("data folder", "ok" if free > _LEAST_FREE else "warn", f"{folder}, {free / 1e9:.1f} GB free")


def _browser(settings: BrowserSettings) -> Diagnosis:
    """Only sources that say so need one, so that none is no fault."""
    try:
        return Diagnosis("browser", "ok", str(find_browser(settings)))
    except Invalid as error:
        return Diagnosis("browser", "warn", str(error))


def _entities(settings: ProcessSettings) -> Diagnosis:
    lacking = entities.missing(entities.options_of(settings.spacy_models, settings.min_entity_confidence))
    if not lacking:
        return Diagnosis("entities", "ok", f"spaCy with {', '.join(settings.spacy_models) or 'no model'}")
    told = f"{', '.join(lacking)} not installed; only sources with `process.entities` need it (extra `entities`)"
    return Diagnosis("entities", "ok", told)


async def _asked(check: str, look: Callable[[], Awaitable[Diagnosis]]) -> Diagnosis:
    try:
        return await look()
    except TidemillError as error:
        return Diagnosis(check, "fail", str(error))


async def _database(store: Store) -> Diagnosis:
    health = await examination.examine(store)
    revision = await schema.current_revision(store)
    status = "fail" if health.broken else "warn" if health.warning else "ok"
    said = [f"schema {revision}", f"{health.size_bytes / 1e6:.1f} MB", health.detail, health.warning]
    return Diagnosis("database", status, ", ".join(each for each in said if each))


async def _archive(patient: Patient) -> Diagnosis:
    """A sample of the newest bodies is read and verified."""
    statement = select(captures.c.body_hash).order_by(captures.c.id.desc()).limit(_SAMPLE)
    async with patient.store.read() as connection:
        total = int(await connection.scalar(select(func.count()).select_from(captures)) or 0)
        hashes = list((await connection.execute(statement)).scalars())
    for body_hash in hashes:
        await patient.archive.get(body_hash)
    return Diagnosis("archive", "ok", f"{patient.place}: {total} captures, the newest {len(hashes)} read and verified")


async def _search(indexer: Indexer) -> Diagnosis:
    lag = await indexer.lag()
    return Diagnosis("search", "ok" if lag == 0 else "warn", f"the index is {lag} changes behind")
