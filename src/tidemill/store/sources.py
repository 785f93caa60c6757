"""Sources: what is to be crawled, with every version of it. A deleted one keeps its row, so that it can come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Select, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import NotFound
from tidemill.models.account import Caller
from tidemill.models.audit import Note
from tidemill.models.document import DocumentState
from tidemill.models.ids import new_id
from tidemill.models.source import Source, SourceSpec, SourceVersion
from tidemill.store import audit, locks, ownership
from tidemill.store.engine import Store
from tidemill.store.tables import documents, source_versions, sources

_SPEC = TypeAdapter(SourceSpec)
_LIVE = sources.c.deleted_at.is_(None)
Check = Callable[[Source | None], None]
"""Sees a source as it stands, inside the transaction that would change it, and raises if it must not."""


async def apply(
    store: Store,
    spec: SourceSpec,
    *,
    adhoc: bool = False,
    by: Caller | None = None,
    most: int | None = None,
    check: Check | None = None,
) -> tuple[Source, bool]:
    """Make the source, or give it a new version if it differs. Returns it, and whether anything changed.

    A deleted source of that name comes back, with a new version behind those that it had. `by` owns what is new, may
    own `most` sources, and is named in the audit log. `check` gets the source as it stands before, if there is one, and
    may refuse. Raises `Forbidden` (`not_owner`, `quota_sources`), and what `check` raises.
    """
    return (await apply_all(store, [spec], adhoc=adhoc, by=by, most=most, check=check))[0]


async def apply_all(
    store: Store,
    specs: Sequence[SourceSpec],
    *,
    adhoc: bool = False,
    by: Caller | None = None,
    most: int | None = None,
    check: Check | None = None,
) -> list[tuple[Source, bool]]:
    """Apply these sources in one transaction, all or none."""
    async with store.write(locks.NAMES) as connection:
        now = store.now()
        if check is not None:
            for spec in specs:
                check(await standing_now(connection, spec.name))
        owned = await ownership.owned(connection, by, most)
        applied = [await _apply(connection, spec, adhoc, now, by) for spec in specs]
        if by is not None:
            await ownership.hold_to_quota(connection, by, most, owned)
            notes = [_note(source) for source, is_changed in applied if is_changed]
            await audit.append(connection, by, notes, now)
        return applied


async def get(store: Store, name: str, *, with_deleted: bool = False) -> Source:
    """The source of that name. Raises `NotFound`."""
    async with store.read() as connection:
        return await _one(connection, sources.c.name == name, name, with_deleted=with_deleted)


async def by_id(store: Store, source_id: str) -> Source:
    """The source of that identifier, even if it was deleted: work on it may be under way. Raises `NotFound`."""
    async with store.read() as connection:
        return await _one(connection, sources.c.id == source_id, source_id, with_deleted=True)


async def listed(store: Store, *, after: str | None = None, limit: int | None = None) -> list[Source]:
    """All sources by name, or `limit` of them behind the name `after`."""
    statement = _select().where(_LIVE).order_by(sources.c.name).limit(limit)
    if after is not None:
        statement = statement.where(sources.c.name > after)
    async with store.read() as connection:
        return [_source(row) for row in (await connection.execute(statement)).mappings()]


async def count(store: Store) -> int:
    """How many sources there are."""
    async with store.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(sources).where(_LIVE)) or 0)


async def standing(store: Store, names: Sequence[str]) -> dict[str, tuple[Source, bool]]:
    """Those of these sources that there are or were, by name, each with whether it was deleted."""
    async with store.read() as connection:
        rows = (await connection.execute(_select().where(sources.c.name.in_(names)))).mappings()
        return {row["name"]: (_source(row), row["deleted_at"] is not None) for row in rows}


async def versions(
    store: Store, name: str, *, below: int | None = None, limit: int | None = None
) -> list[SourceVersion]:
    """Every version of a source, the first one first, even if it was deleted; or the last `limit` of those `below`.

    Raises `NotFound`.
    """
    async with store.read() as connection:
        source = await _one(connection, sources.c.name == name, name, with_deleted=True)
        of_source = source_versions.c.source_id == source.id
        columns = (source_versions.c.version, source_versions.c.spec, source_versions.c.created_at)
        statement = select(*columns).where(of_source).order_by(source_versions.c.version.desc()).limit(limit)
        if below is not None:
            statement = statement.where(source_versions.c.version < below)
        newest_first = [
            SourceVersion(row["version"], _SPEC.validate_python(row["spec"]), row["created_at"])
            for row in (await connection.execute(statement)).mappings()
        ]
        return newest_first[::-1]


async def document_count(connection: AsyncConnection, source_id: str) -> int:
    """How many current documents a source has."""
    counted = select(func.count()).where(
        documents.c.source_id == source_id, documents.c.state == DocumentState.CURRENT.value
    )
    return int(await connection.scalar(counted) or 0)


async def _apply(
    connection: AsyncConnection, spec: SourceSpec, adhoc: bool, now: datetime, by: Caller | None
) -> tuple[Source, bool]:
    found = (await connection.execute(_select().where(sources.c.name == spec.name))).mappings().one_or_none()
    lives = found is not None and found["deleted_at"] is None
    if lives and _SPEC.validate_python(found["spec"]) == spec and found["adhoc"] <= adhoc:
        return _source(found), False
    if found is not None:
        ownership.refuse_foreign(found, by)
    source_id = found["id"] if found else new_id()
    version = found["version"] + 1 if found else 1
    values = {
        "kind": spec.kind,
        "spec": asdict(spec),
        "version": version,
        "adhoc": adhoc,
        "updated_at": now,
        "deleted_at": None,
    }
    if found:
        await connection.execute(update(sources).where(sources.c.id == source_id).values(values))
    else:
        owned = {"owner_id": by.user_id, "team_id": by.team_id} if by is not None else {}
        await connection.execute(
            insert(sources).values(id=source_id, name=spec.name, created_at=now, **owned, **values)
        )
    await connection.execute(
        insert(source_versions).values(source_id=source_id, version=version, spec=asdict(spec), created_at=now)
    )
    return await _one(connection, sources.c.id == source_id, spec.name), True


def _note(source: Source) -> Note:
    return Note("source.create" if source.version == 1 else "source.change", source.name, {"version": source.version})


async def standing_now(connection: AsyncConnection, name: str) -> Source | None:
    """The source of that name as a transaction sees it; `None` if there is none or it was deleted."""
    row = (await connection.execute(_select().where(sources.c.name == name, _LIVE))).mappings().one_or_none()
    return None if row is None else _source(row)


async def _one(connection: AsyncConnection, condition: Any, name: str, *, with_deleted: bool = False) -> Source:
    statement = _select().where(condition) if with_deleted else _select().where(condition, _LIVE)
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no source {name!r}; `tidemill sources list` shows those there are", reason="no_such_source")
    return _source(row)


def _select() -> Select[Any]:
    current = and_(documents.c.source_id == sources.c.id, documents.c.state == DocumentState.CURRENT.value)
    count = select(func.count()).where(current).scalar_subquery().label("documents")
    return select(sources, count)


def _source(row: Mapping[str, Any]) -> Source:
    return Source(
        id=row["id"],
        spec=_SPEC.validate_python(row["spec"]),
        version=row["version"],
        adhoc=row["adhoc"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        documents=row["documents"],
    )
