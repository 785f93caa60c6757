"""`tidemill documents` shows documents, their history and where their values come from; `tidemill export` writes them.

Exports are the current documents as JSON lines, CSV or Parquet, or what was fetched as a web archive.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from tidemill.cli.comparison import shortened, show_changes
from tidemill.cli.moments import moment_given
from tidemill.cli.output import counted, stdout, table, write_json
from tidemill.cli.session import AsJson, DataDir, note, opened, run, settings_of
from tidemill.errors import Permanent
from tidemill.models.ids import new_id

if TYPE_CHECKING:
    from tidemill.manage.history import FieldChange, HistoryEntry
    from tidemill.models.document import Document
    from tidemill.models.export import Selection
    from tidemill.settings import Settings
    from tidemill.store.versions import Version

app = typer.Typer(help="Show documents, their history, and where their values come from.", no_args_is_help=True)
Reference = Annotated[str, typer.Argument(metavar="ID", help="An identifier, its first 6 digits, or the page's URL.")]


@app.command("list")
def list_(
    context: typer.Context,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    state: Annotated[str, typer.Option(help="current, duplicate, invalid or removed.")] = "current",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The most documents.")] = 50,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List documents by URL.

    Example: `tidemill documents list --source sample-site --state invalid`
    """
    found = run(_listed(settings_of(context, data_dir), source, state, limit))
    if as_json:
        write_json(found)
        return
    rows = [
        (each["id"], each["kind"], each["version"], each["title"][:60], each["url"], _why_so(each)) for each in found
    ]
    table(("document", "kind", "version", "title", "url", ""), rows)


@app.command()
def show(
    context: typer.Context,
    reference: Reference,
    why: Annotated[bool, typer.Option("--why", help="Where each value comes from.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show one document; with `--why` the capture, the extractor and the rule behind each of its values.

    Example: `tidemill documents show https://example.com/news/1 --why`
    """
    from tidemill.manage.documents import full_record

    found, reasons = run(_one(settings_of(context, data_dir), reference, why=why))
    if as_json:
        write_json(full_record(found) | ({"why": reasons} if reasons is not None else {}))
        return
    _show_head(found)
    if reasons is not None:
        _show_why(reasons)
    else:
        stdout.print(f"\n{found.draft.markdown or found.draft.content}", markup=False)


@app.command()
def history(context: typer.Context, reference: Reference, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show every version of a document, newest first: when it was fetched and replaced, and what changed.

    Example: `tidemill documents history df14a2`
    """
    from tidemill.manage.history import version_record

    found = run(_history(settings_of(context, data_dir), reference))
    if as_json:
        write_json([version_record(entry.version, entry.changed) for entry in found])
        return
    rows = [
        (
            entry.version.number,
            entry.version.state.value,
            f"{entry.version.fetched_at:%Y-%m-%d %H:%M:%S}",
            f"{entry.version.replaced_at:%Y-%m-%d %H:%M:%S}" if entry.version.replaced_at else "",
            entry.version.capture_id,
            ", ".join(entry.changed) or ("as the version before" if entry.version.number > 1 else "the first"),
        )
        for entry in found
    ]
    table(("version", "state", "fetched (UTC)", "replaced (UTC)", "capture", "changed"), rows)


@app.command()
def diff(
    context: typer.Context,
    reference: Reference,
    old: Annotated[int | None, typer.Argument(metavar="[FROM]", min=1, help="Default: the one before TO.")] = None,
    new: Annotated[int | None, typer.Argument(metavar="[TO]", min=1, help="Default: the newest.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show what changed between two versions of a document, field by field.

    Example: `tidemill documents diff df14a2 1 3`
    """
    before, after, changes = run(_compared(settings_of(context, data_dir), reference, old, new))
    if as_json:
        changed = [{"field": each.field, "old": each.old, "new": each.new} for each in changes]
        write_json({"from": before.number, "to": after.number, "changes": changed})
        return
    stdout.print(f"version {before.number} → {after.number}")
    show_changes(changes)
    if not changes:
        note("no value differs")


async def _listed(settings: Settings, source: str | None, state: str, limit: int) -> list[dict[str, Any]]:
    from tidemill.manage.documents import listed

    async with opened(settings) as app_:
        return await listed(app_.store, source, state, limit)


async def _one(settings: Settings, reference: str, *, why: bool) -> tuple[Document, dict[str, Any] | None]:
    from tidemill.manage.documents import find
    from tidemill.manage.provenance import why as reasons_of

    async with opened(settings) as app_:
        found = await find(app_.store, reference)
        return found, await reasons_of(app_.store, app_.archive, found) if why else None


async def _history(settings: Settings, reference: str) -> list[HistoryEntry]:
    from tidemill.manage import documents
    from tidemill.manage import history as histories

    async with opened(settings) as app_:
        found = await documents.find(app_.store, reference)
        return (await histories.history(app_.store, found.id))[::-1]


async def _compared(
    settings: Settings, reference: str, old: int | None, new: int | None
) -> tuple[Version, Version, list[FieldChange]]:
    from tidemill.manage import documents
    from tidemill.manage import history as histories

    async with opened(settings) as app_:
        return await histories.diff(app_.store, await documents.find(app_.store, reference), old, new)


def _why_so(each: dict[str, Any]) -> str:
    """What there is to say of a document that is not current."""
    if each["duplicate_of"]:
        return f"{each['similarity'] or 1:.0%} of {each['duplicate_of']}"
    return ", ".join(each["problems"])


def _show_head(found: Document) -> None:
    draft = found.draft
    stdout.print(draft.title or "(no title)", markup=False, style="bold")
    stdout.print(found.url, markup=False)
    stdout.print(
        f"{found.id}: {found.state.value}, {draft.kind}, version {found.version}, of {found.source}", markup=False
    )
    if found.duplicate_of:
        stdout.print(f"{found.similarity or 1:.0%} the same as {found.duplicate_of}", markup=False)
    for name in ("problems", "flags"):
        if values := getattr(draft, name):
            stdout.print(f"{name}: {', '.join(values)}", markup=False)
    said = {name: getattr(draft, name) for name in ("author", "published_at", "modified_at", "language")}
    for name, value in (said | dict(draft.fields)).items():
        if value not in (None, ""):
            stdout.print(f"{name}: {value}", markup=False)


def _show_why(reasons: dict[str, Any]) -> None:
    capture = reasons["capture"]
    if capture is None:
        stdout.print("\nits capture is not kept any more")
    else:
        there = "in the archive" if capture["archived"] else "NOT in the archive any more"
        fetched = f"{capture['fetched_at']:%Y-%m-%d %H:%M:%S} UTC"
        stdout.print(f"\ncapture {capture['id']}, fetched {fetched}: {capture['status_code']} {capture['media_type']}")
        stdout.print(f"body {capture['body_hash']} ({capture['size_bytes']} bytes), {there}\n")
    rows = [(each["field"], shortened(each["value"]), _from(each), _others(each)) for each in reasons["values"]]
    table(("value", "", "from", "others gave"), rows)


def _from(each: dict[str, Any]) -> str:
    if each["extractor"] is None:
        return "not recorded"
    version = f"@{each['version']}" if each["version"] else ""
    return f"{each['extractor']}{version} {each['rule'] or ''}".rstrip()


def _others(each: dict[str, Any]) -> str:
    """What other extractors gave: the values with their origins, whatever else is told of them."""
    told = []
    for other in each["others"]:
        where = other.get("origin") or other.get("extractor") or ""
        told.append(f"{where}: {shortened(other.get('value', other))}".removeprefix(": "))
    return "; ".join(told)


def export(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="Where to write; `-` is stdout.")] = "-",
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    format: Annotated[str, typer.Option(help="jsonl, csv, parquet or warc.")] = "jsonl",  # noqa: A002 - the option's name
    kind: Annotated[str | None, typer.Option(help="Only documents of this kind.")] = None,
    language: Annotated[str | None, typer.Option(help="Only documents in this language (ISO 639-1).")] = None,
    since: Annotated[str | None, typer.Option(help="Only what changed since: 2026-11-01, 7d, 12h.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Write the current documents, by URL and item key; or with `--format warc` what was fetched.

    A file appears only when it is whole.

    Example: `tidemill export documents.csv --format csv --source sample-site`
    """
    from tidemill.models.export import Selection

    settings = settings_of(context, data_dir)
    selection = Selection(source, kind, language, updated_after=moment_given(since))
    if format == "warc":
        if selection != Selection(source):
            raise typer.BadParameter("a web archive is of a whole source; leave out all but --source")
        note(counted(run(_export_warc(settings, file, source)), "capture"))
        return
    if format not in ("jsonl", "csv", "parquet"):
        raise typer.BadParameter(f"{format!r} is not known; use jsonl, csv, parquet or warc", param_hint="--format")
    note(counted(run(_export(settings, file, format, selection)), "document"))


async def _export(settings: Settings, file: str, name: str, selection: Selection) -> int:
    from tidemill.deliver.export.formats import format_of
    from tidemill.manage.exports import Wanted, check_source, selected, write

    wanted = Wanted(format_of(name), selection)
    async with opened(settings) as app:
        await check_source(app.store, wanted)
        with _opened(file) as out:
            return await write(out, wanted.format, selected(app.store, selection))


async def _export_warc(settings: Settings, file: str, source: str | None) -> int:
    from tidemill.app import user_agent
    from tidemill.archive.warc import write_warc
    from tidemill.manage.documents import archived

    async with opened(settings) as app:
        with _opened(file) as out:
            async with contextlib.aclosing(archived(app.store, app.archive, source)) as entries:
                software = user_agent(settings.crawl)
                totals = await write_warc(out, entries, software=software, created_at=app.store.now())
    return totals.captures


@contextlib.contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    """Stdout, or a file that takes its name only when all of it is written."""
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(file)
    temporary = path.with_name(f".{path.name}.{new_id()}")
    try:
        with temporary.open("wb") as out:
            yield out
        temporary.replace(path)
    except OSError as error:
        raise Permanent(f"cannot write {path}: {error.strerror}; choose another file", reason="export") from error
    finally:
        temporary.unlink(missing_ok=True)
