"""`tidemill serve` and `tidemill up`: the API alone, or everything in one process group."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from tidemill.cli.session import DataDir, interrupts, note, run, settings_of

if TYPE_CHECKING:
    from tidemill.settings import Settings

Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(min=0, max=65_535, help="Port to listen on; 0: any free one.")]


def serve(context: typer.Context, host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Serve the API (and nothing else) until Ctrl-C.

    Example: `tidemill serve --port 8080`
    """
    settings = settings_of(context, data_dir, quiet=False, api__host=host, api__port=port)
    run(_serve(settings, everything=False))


def up(context: typer.Context, host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Run everything in one process group: crawler, processor, indexer and API, until Ctrl-C.

    Example: `tidemill up --data-dir ./data`
    """
    settings = settings_of(context, data_dir, quiet=False, api__host=host, api__port=port)
    run(_serve(settings, everything=True))


async def _serve(settings: Settings, *, everything: bool) -> None:
    from tidemill.api.main import serve as serve_api
    from tidemill.cli.standing import opened_patiently
    from tidemill.http.hosts import is_loopback
    from tidemill.manage.accounts import ensure_first_key

    signals = interrupts()
    async with opened_patiently(settings, signals.stop) as app:
        if app is None:
            return
        if not is_loopback(settings.api.host) and not settings.api.keys:
            key = await ensure_first_key(app.store)
            if key is not None:
                note(f"API key, shown this once: {key}")

        async def api(stop: asyncio.Event) -> None:
            await serve_api(
                app, stop, host=settings.api.host, port=settings.api.port, on_ready=lambda url: note(f"serving {url}")
            )

        if everything:
            from tidemill.roles import drained
            from tidemill.roles import up as everything_up

            work = everything_up(app, signals.stop, api, own_signals=signals.install)
            await drained(app, work, signals.stop)
        else:
            from tidemill.roles import serving

            await serving(app, signals.stop, api)
