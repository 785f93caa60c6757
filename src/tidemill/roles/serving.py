"""Roles that answer: the API with the index it answers from, and everything in one process group.

In: an open `App` and what serves the API. Called by the commands `serve` and `up`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tidemill.app import App
from tidemill.roles.crawling import crawler, nobody
from tidemill.roles.endurance import together
from tidemill.roles.indexing import indexer
from tidemill.roles.processing import processor


async def serving(app: App, stop: asyncio.Event, serve: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """The API, and what it needs to answer from: an index that is kept up to date (by whoever may write it)."""
    await together(indexer(app, stop), serve(stop), on_failure=stop.set)


async def up(
    app: App,
    stop: asyncio.Event,
    serve: Callable[[asyncio.Event], Awaitable[None]],
    *,
    own_signals: Callable[[], None] = nobody,
) -> None:
    """Every role in this process group, until `stop` is set. If one cannot go on, all stop and its error is raised."""
    news = asyncio.Event()
    await together(
        crawler(app, stop, captured=news.set, own_signals=own_signals),
        processor(app, stop, news, exports=False),  # the indexer makes all of them
        indexer(app, stop),
        serve(stop),
        on_failure=stop.set,
    )
