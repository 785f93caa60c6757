"""`tidemill export`: the current documents as JSON lines, or what was fetched as a web archive."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from tidemill.cli.output import counted, json_bytes
from tidemill.cli.session import DataDir, note, opened, run, settings_of
from tidemill.errors import Permanent
from tidemill.models.ids import new_id

if TYPE_CHECKING:
    from tidemill.settings import Settings


def export(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="Where to write; `-` is stdout.")] = "-",
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    format: Annotated[str, typer.Option(help="jsonl or warc.")] = "jsonl",  # noqa: A002 - the option's name
    data_dir: DataDir = None,
) -> None:
    """Write the current documents as JSON lines, by URL and item key; or with `--format warc` what was fetched.

    A file appears only when it is whole.

    Example: `tidemill export documents.jsonl --source sample-site`
    """
    settings = settings_of(context, data_dir)
    if format == "warc":
        note(counted(run(_export_warc(settings, file, source)), "capture"))
    elif format == "jsonl":
        note(counted(run(_export(settings, file, source)), "document"))
    else:
        raise typer.BadParameter(f"{format!r} is not known; use jsonl or warc", param_hint="--format")


async def _export(settings: Settings, file: str, source: str | None) -> int:
    from tidemill.manage.documents import exported

    count = 0
    async with opened(settings) as app:
        with _opened(file) as out:
            async with contextlib.aclosing(exported(app.store, source)) as records:
                async for record in records:
                    out.write(json_bytes(record))
                    count += 1
    return count


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
