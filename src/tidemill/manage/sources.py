"""What people do with sources: apply them, see what applying would change, look back, delete.

Called by the command line and the API. Reading them is `source_files` and `source_mapping`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff
from pathlib import Path

from tidemill.errors import Forbidden, NotFound
from tidemill.manage.quotas import source_limit
from tidemill.manage.source_files import read_files, to_yaml
from tidemill.manage.source_mapping import read_mapping
from tidemill.manage.source_secrets import names_in
from tidemill.models.account import Caller
from tidemill.models.source import LOCAL_KINDS, Source, SourceSpec, SourceVersion
from tidemill.settings import QuotaSettings
from tidemill.store import deletion, sources
from tidemill.store.deletion import Deleted
from tidemill.store.engine import Store

__all__ = ["Deleted", "read_files", "read_mapping", "to_yaml"]

NEW, CHANGED, REVIVED, UNCHANGED = "new", "changed", "revived", "unchanged"


@dataclass(frozen=True, slots=True)
class Applied:
    """A source that was applied, and whether that changed anything."""

    source: Source
    changed: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What applying a source would do: `new`, `changed`, `revived` (it was deleted) or `unchanged`.

    `diff` is a unified diff of YAML; it is empty if only an ad-hoc source would become one that somebody wrote.
    """

    name: str
    state: str
    diff: str


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A version of a source, and what it changed of the one before as a unified diff of YAML."""

    version: int
    created_at: datetime
    diff: str
    spec: SourceSpec


async def apply_files(store: Store, paths: Sequence[Path], by: Caller | None = None) -> list[Applied]:
    """Bring the sources of these files into the store, all or none. Applying them again changes nothing."""
    return [Applied(source, changed) for source, changed in await sources.apply_all(store, read_files(paths), by=by)]


async def apply(
    store: Store, spec: SourceSpec, by: Caller, quotas: QuotaSettings, check: sources.Check | None = None
) -> Applied:
    """Make a source, which is the caller's then, or change it. `check` sees it as it stands, and may refuse.

    Raises `Forbidden` (`not_owner`, `quota_sources`), and what `check` raises.
    """
    most = await source_limit(store, quotas, by)
    source, is_changed = await sources.apply(store, spec, by=by, most=most, check=check)
    return Applied(source, is_changed)


async def compare(store: Store, spec: SourceSpec) -> Change:
    """What applying this source would change."""
    standing = await sources.standing(store, [spec.name])
    return _change(spec, *standing.get(spec.name, (None, False)))


async def compare_files(store: Store, paths: Sequence[Path]) -> list[Change]:
    """What applying these files would change, source by source in their order."""
    specs = read_files(paths)
    standing = await sources.standing(store, [spec.name for spec in specs])
    return [_change(spec, *standing.get(spec.name, (None, False))) for spec in specs]


async def history(store: Store, name: str, *, below: int | None = None, limit: int | None = None) -> list[HistoryEntry]:
    """The versions of a source, the newest first, even if it was deleted; or `limit` of those `below` a number.

    Raises `NotFound`.
    """
    found = await sources.versions(store, name, below=below, limit=None if limit is None else limit + 1)
    before = [None, *(each.spec for each in found)]
    entries = [
        HistoryEntry(each.version, each.created_at, _diff(old, each.spec, f"version {each.version}"), each.spec)
        for old, each in zip(before, found, strict=False)
    ]
    return entries[::-1][:limit]


async def version(store: Store, name: str, number: int) -> SourceVersion:
    """One version of a source, even if it was deleted. Raises `NotFound` (`no_such_source`, `no_such_version`)."""
    found = await sources.versions(store, name)
    for each in found:
        if each.version == number:
            return each
    raise NotFound(
        f"source {name!r} has no version {number}; its versions are {found[0].version} to {found[-1].version}",
        reason="no_such_version",
    )


async def delete(
    store: Store, name: str, by: Caller | None = None, *, purged: bool = False, check: sources.Check | None = None
) -> Deleted:
    """Delete a source: its runs end, its documents are removed. With `purged` nothing of it is kept in the store.

    A source that was deleted before can still be purged. `check` sees the source as it stands, and may refuse. Raises
    `NotFound`, or `Forbidden` (`not_owner`).
    """
    was_deleted = (await sources.standing(store, [name])).get(name, (None, False))[1]
    done = Deleted(0, 0) if purged and was_deleted else await deletion.mark_deleted(store, name, by, check)
    if purged:
        await deletion.purge(store, name, by)
    return done


def refuse_foreign_files(spec: SourceSpec, roots: Sequence[Path]) -> None:
    """Let a source from outside read files below these folders only, wherever links lead.

    Raises `Forbidden` (`file_source`).
    """
    if spec.kind not in LOCAL_KINDS:
        return
    resolved = [root.expanduser().resolve() for root in roots]
    for start in spec.start:
        path = Path(start)
        if not path.is_absolute() or not any(path.resolve().is_relative_to(root) for root in resolved):
            raise Forbidden(
                f"source {spec.name!r} would read {start!r}; over the API a source of kind {spec.kind} may read only"
                " absolute paths below crawl.file_roots, which the operator sets",
                reason="file_source",
            )


def refuse_foreign_secrets(spec: SourceSpec, by: Caller, allowed: Sequence[str]) -> None:
    """Let only admins make or change a source from outside whose requests bear secrets, but for the `allowed` ones.

    Whoever says where a source points to can have what it sends. Raises `Forbidden` (`secret_source`).
    """
    foreign = sorted(names_in(spec.request) - set(allowed))
    if foreign and not by.is_admin:
        raise Forbidden(
            f"source {spec.name!r} would send the secret {foreign[0]!r}; over the API only admins make or change"
            " sources with secrets: ask one, apply it with `tidemill sources apply`, or name the secret in"
            " crawl.api_secrets",
            reason="secret_source",
        )


def _change(spec: SourceSpec, source: Source | None, deleted: bool) -> Change:
    diff = _diff(source.spec if source else None, spec, spec.name)
    if source is None:
        return Change(spec.name, NEW, diff)
    if deleted:
        return Change(spec.name, REVIVED, diff)
    return Change(spec.name, CHANGED if diff or source.adhoc else UNCHANGED, diff)


def _diff(before: SourceSpec | None, after: SourceSpec, name: str) -> str:
    old = to_yaml(before).splitlines() if before is not None else []
    return "\n".join(unified_diff(old, to_yaml(after).splitlines(), f"{name} (before)", f"{name} (after)", lineterm=""))
