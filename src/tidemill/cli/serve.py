"""`tidemill serve` and `tidemill up`: the API alone, or everything in one process group."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from tidemill.cli.session import DataDir, Interrupts, interrupts, note, run, settings_of

if TYPE_CHECKING:
    from tidemill.api.doorway import Doorway
    from tidemill.app import App
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
    """The door is open from the beginning: who asks before the servers are there is told to wait."""
    from tidemill.api.doorway import Doorway, kept
    from tidemill.cli.standing import opened_patiently

    signals, doorway = interrupts(), Doorway()
    told: list[str] = []

    async def working() -> None:
        async with opened_patiently(settings, signals.stop) as app:
            if app is not None:
                await _work(app, signals, doorway, told[0], everything=everything)

    host, port = settings.api.host, settings.api.port
    await kept(doorway, working, signals.stop, host=host, port=port, on_ready=told.append)


async def _work(app: App, signals: Interrupts, doorway: Doorway, url: str, *, everything: bool) -> None:
    from tidemill.api.main import create_api
    from tidemill.http.hosts import is_loopback
    from tidemill.manage.accounts import ensure_first_key
    from tidemill.telemetry.logs import get_logger

    host = app.settings.api.host
    if not is_loopback(host) and not app.settings.api.keys:
        key = await ensure_first_key(app.store)
        if key is not None:
            note(f"API key, shown this once: {key}")

    async def api(stop: asyncio.Event) -> None:
        app.health.mark_started()
        doorway.open(create_api(app, host=host), app.health)
        get_logger(__name__).info("serving", action="http.ready", base_url=url)
        note(f"serving {url}")
        await stop.wait()

    if everything:
        from tidemill.roles.endurance import drained
        from tidemill.roles.serving import up as everything_up

        await drained(app, everything_up(app, signals.stop, api, own_signals=signals.install), signals.stop)
    else:
        from tidemill.roles.serving import serving

        await serving(app, signals.stop, api)
