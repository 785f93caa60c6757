"""Sources: what is to be crawled, with every version of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Select, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.errors import NotFound
from tidemill.models.document import DocumentState
from tidemill.models.ids import new_id
from tidemill.models.source import Source, SourceSpec
from tidemill.store.engine import Store
from tidemill.store.tables import documents, source_versions, sources

_SPEC = TypeAdapter(SourceSpec)


async def apply(store: Store, spec: SourceSpec, *, adhoc: bool = False) -> tuple[Source, bool]:
    """Make the source, or give it a new version if it differs. Returns it, and whether anything changed."""
    async with store.write() as connection:
        found = (await connection.execute(_select().where(sources.c.name == spec.name))).mappings().one_or_none()
        if found is not None and _SPEC.validate_python(found["spec"]) == spec and found["adhoc"] <= adhoc:
            return _source(found), False
        now = store.now()
        source_id = found["id"] if found else new_id()
        version = found["version"] + 1 if found else 1
        values = {"kind": spec.kind, "spec": asdict(spec), "version": version, "adhoc": adhoc, "updated_at": now}
        if found:
            await connection.execute(update(sources).where(sources.c.id == source_id).values(values))
        else:
            await connection.execute(insert(sources).values(id=source_id, name=spec.name, created_at=now, **values))
        await connection.execute(
            insert(source_versions).values(source_id=source_id, version=version, spec=asdict(spec), created_at=now)
        )
        return await _one(connection, sources.c.id == source_id, spec.name), True


async def get(store: Store, name: str) -> Source:
    """The source of that name. Raises `NotFound`."""
    async with store.read() as connection:
        return await _one(connection, sources.c.name == name, name)


async def by_id(store: Store, source_id: str) -> Source:
    """The source of that identifier. Raises `NotFound`."""
    async with store.read() as connection:
        return await _one(connection, sources.c.id == source_id, source_id)


async def listed(store: Store) -> list[Source]:
    """All sources by name."""
    async with store.read() as connection:
        rows = (await connection.execute(_select().order_by(sources.c.name))).mappings()
        return [_source(row) for row in rows]


async def document_count(connection: AsyncConnection, source_id: str) -> int:
    """How many current documents a source has."""
    counted = select(func.count()).where(
        documents.c.source_id == source_id, documents.c.state == DocumentState.CURRENT.value
    )
    return int(await connection.scalar(counted) or 0)


async def _one(connection: AsyncConnection, condition: Any, name: str) -> Source:
    row = (await connection.execute(_select().where(condition))).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no source {name!r}; `tidemill sources list` shows those there are", reason="no_such_source")
    return _source(row)


def _select() -> Select[Any]:
    current = and_(documents.c.source_id == sources.c.id, documents.c.state == DocumentState.CURRENT.value)
    count = select(func.count()).where(current).scalar_subquery().label("documents")
    return select(sources, count).where(sources.c.deleted_at.is_(None))


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
