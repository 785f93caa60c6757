"""The role that makes the files of exports; it is played beside others.

In: jobs that callers have made. Out: whole files. Called by the commands `processor`, `indexer`, `serve` and `up`.
"""

from __future__ import annotations

import asyncio

from tidemill.app import App
from tidemill.roles.endurance import lasting


async def exporter(app: App, stop: asyncio.Event, *, queries: bool) -> None:
    """Make the files of exports until `stop` is set; with `queries` also those of searches, where there is an index."""
    from tidemill.manage.exporter import Exporter, folder_of, open_shelf  # a crawl has no use for it

    settings = app.settings
    search = app.searching.search if queries else None
    shelf, lease_s = open_shelf(settings, app.archive), settings.queue.lease_s
    made = Exporter(app.store, shelf, folder_of(settings), settings.exports, lease_s=lease_s, search=search)
    await lasting(app, "exporter", stop, lambda: made.run(stop))
