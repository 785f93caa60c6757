"""`tidemill crawler`, `processor` and `indexer`: one role in a process of its own, any number of each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidemill.cli.session import DataDir, Interrupts, run, settings_of

if TYPE_CHECKING:
    from tidemill.app import App
    from tidemill.cli.standing import Role

ProbeHost = Annotated[str | None, typer.Option(help="Address of the probes and metrics.")]
ProbePort = Annotated[
    int | None, typer.Option(min=0, max=65_535, help="Port of the probes and metrics; 0: any free one.")
]


def crawler(
    context: typer.Context, probe_host: ProbeHost = None, probe_port: ProbePort = None, data_dir: DataDir = None
) -> None:
    """Take up every run that waits for a crawler, until Ctrl-C or SIGTERM.

    Example: `tidemill crawler --probe-port 9464`
    """

    async def role(app: App, stop: asyncio.Event, signals: Interrupts) -> None:
        from tidemill.roles import crawling

        await crawling.crawler(app, stop, own_signals=signals.install)

    _stand(context, "crawler", role, probe_host, probe_port, data_dir)


def processor(
    context: typer.Context, probe_host: ProbeHost = None, probe_port: ProbePort = None, data_dir: DataDir = None
) -> None:
    """Process captures, until Ctrl-C or SIGTERM.

    Example: `tidemill processor --probe-port 9465`
    """

    async def role(app: App, stop: asyncio.Event, _: Interrupts) -> None:
        from tidemill.roles import processing

        await processing.processor(app, stop, asyncio.Event())

    _stand(context, "processor", role, probe_host, probe_port, data_dir)


def indexer(
    context: typer.Context, probe_host: ProbeHost = None, probe_port: ProbePort = None, data_dir: DataDir = None
) -> None:
    """Keep the search index up to date, until Ctrl-C or SIGTERM.

    Of several, one writes and the others stand by.

    Example: `tidemill indexer --probe-port 9466`
    """

    async def role(app: App, stop: asyncio.Event, _: Interrupts) -> None:
        from tidemill.roles import indexing

        await indexing.indexer(app, stop)

    _stand(context, "indexer", role, probe_host, probe_port, data_dir)


def _stand(context: typer.Context, name: str, role: Role, host: str | None, port: int | None, data_dir: Any) -> None:
    from tidemill.cli.standing import stand

    settings = settings_of(context, data_dir, quiet=False, roles__probe_host=host, roles__probe_port=port)
    run(stand(settings, name, role))
