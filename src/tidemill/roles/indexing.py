"""The role that keeps the search index up to date, and waiting for it.

In: the changes of the documents. Out: an index that knows them. Called by the commands `indexer`, `serve` and `up`, and
by those that end when everything is searchable.
"""

from __future__ import annotations

import asyncio

from tidemill.app import App
from tidemill.roles.endurance import together
from tidemill.roles.exporting import exporter
from tidemill.store import events
from tidemill.telemetry.logs import get_logger

_PATIENCE_S = 10.0
_log = get_logger(__name__)


async def indexer(app: App, stop: asyncio.Event) -> None:
    """Keep the search index up to date until `stop` is set, and the one that answers in its place; make exports."""
    works = [each.run(stop) for each in (app.indexer, app.fallback_indexer) if each is not None]
    await together(*works, exporter(app, stop, queries=True), on_failure=stop.set)


async def searchable(app: App, stop: asyncio.Event) -> None:
    """Wait until everything stored is searchable, or `stop` is set: whoever holds the index may be asleep."""
    reaching = asyncio.ensure_future(app.indexer.catch_up(await events.head(app.store)))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        while not (reaching.done() or stopping.done()):
            await asyncio.wait({reaching, stopping}, timeout=_PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
            if not (reaching.done() or stopping.done() or app.engine.writable):
                lag = await app.indexer.lag()
                _log.warning("waiting for the process that writes the search index", action="index.wait", lag=lag)
        if reaching.done():
            await reaching
    finally:
        reaching.cancel()
        stopping.cancel()
        await asyncio.gather(reaching, stopping, return_exceptions=True)
