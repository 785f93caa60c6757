"""`tidemill process`: work off what was archived and not processed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from tidemill.cli.output import counted, write_json
from tidemill.cli.session import INTERRUPTED, AsJson, DataDir, interrupts, note, opened, run, settings_of

if TYPE_CHECKING:
    from tidemill.settings import Settings


def process(context: typer.Context, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Process every capture that waits, until all of it is searchable.

    Example: `tidemill crawl https://example.com/ --crawl-only && tidemill process`
    """
    before, after = run(_process(settings_of(context, data_dir)))
    if as_json:
        write_json({"processed": before - after, "pending": after})
    else:
        note(f"{counted(before - after, 'capture')} processed, {after} pending")
    if after:
        raise typer.Exit(INTERRUPTED)


async def _process(settings: Settings) -> tuple[int, int]:
    from tidemill.process.pool import WorkerPool

    pool = WorkerPool(settings.process)
    try:
        await pool.start()  # the workers import what they need while this process does
        from tidemill.roles.jobs import process_backlog

        async with opened(settings) as app:
            before = (await app.queue.backlog()).captures
            await process_backlog(app, interrupts().stop, pool)
            return before, (await app.queue.backlog()).captures
    finally:
        await pool.close()
