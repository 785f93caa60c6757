"""The history of a document: its versions, and what differs between two of them, value by value.

What is compared are plain JSON values, as `store.versions` gives them. Called by the command line, by the API and by
`manage.reprocess`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from tidemill.errors import Invalid, NotFound
from tidemill.models.document import Document, Json
from tidemill.store import versions
from tidemill.store.engine import Store
from tidemill.store.rows import DRAFT_COLUMNS
from tidemill.store.versions import Values, Version

_NAMED_MEMBERS = ("fields", "provenance")
_COMPARED = tuple(name for name in DRAFT_COLUMNS if name not in ("content_hash", "fingerprint"))


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One value that is not what it was. Members of `fields` and `provenance` have own names: `fields.price`."""

    field: str
    old: Json
    new: Json


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One version of a document, without its values, and in which of them it differs from the one before."""

    version: Version
    changed: tuple[str, ...]


async def history(store: Store, document_id: str) -> list[HistoryEntry]:
    """Every version of a document, the oldest first. Raises `NotFound`."""
    entries: list[HistoryEntry] = []
    before: Version | None = None
    async with aclosing(versions.of_document(store, document_id)) as stream:
        async for version in stream:
            differing = changes(before, version) if before is not None else []
            told = replace(version, values={})  # whole texts of many versions would add up
            entries.append(HistoryEntry(told, tuple(change.field for change in differing)))
            before = version
    if not entries:
        raise NotFound(f"no document {document_id!r}", reason="no_such_document")
    return entries


async def recent(store: Store, document_id: str, below: int | None, limit: int) -> list[HistoryEntry]:
    """The last `limit` versions of a document (of those `below` a number), the newest first. Raises `NotFound`."""
    found = await versions.newest(store, document_id, below, limit + 1)
    if not found:
        raise NotFound(f"no document {document_id!r}", reason="no_such_document")
    befores = [*found[1:], None]
    entries = []
    for version, before in list(zip(found, befores, strict=True))[:limit]:
        differing = changes(before, version) if before is not None else []
        entries.append(HistoryEntry(replace(version, values={}), tuple(change.field for change in differing)))
    return entries


async def diff(
    store: Store, document: Document, old: int | None, new: int | None
) -> tuple[Version, Version, list[FieldChange]]:
    """Two versions of a document (by default the last two) and what differs. Raises `NotFound` and `Invalid`."""
    to = document.version if new is None else new
    of = to - 1 if old is None else old
    if of < 1:
        raise Invalid(
            f"document {document.id} has only {document.version} version: there is nothing before it to compare with",
            reason="only_one_version",
        )
    before = await versions.get(store, document.id, of)
    after = await versions.get(store, document.id, to)
    return before, after, changes(before, after)


def changes(old: Version, new: Version) -> list[FieldChange]:
    """The values in which two versions differ, the state first."""
    state = [FieldChange("state", old.state.value, new.state.value)] if old.state is not new.state else []
    return state + differences(old.values, new.values)


def differences(old: Values, new: Values) -> list[FieldChange]:
    """The values that differ, in the order of a draft. What one of the two does not know of does not count."""
    found = []
    for name in _COMPARED:
        if name not in old or name not in new or old[name] == new[name]:
            continue
        before, after = old[name], new[name]
        if name in _NAMED_MEMBERS and isinstance(before, dict) and isinstance(after, dict):
            members = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
            found += [FieldChange(f"{name}.{key}", before.get(key), after.get(key)) for key in members]
        else:
            found.append(FieldChange(name, before, after))
    return found


def version_record(version: Version, changed: Sequence[str]) -> dict[str, Any]:
    """A version as JSON gives it, without its values."""
    return {
        "version": version.number,
        "state": version.state.value,
        "capture_id": version.capture_id,
        "fetched_at": version.fetched_at,
        "replaced_at": version.replaced_at,
        "changed": list(changed),
    }
