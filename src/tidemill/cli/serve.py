"""`tidemill serve` and `tidemill up`: the API alone, or everything in one process group."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from tidemill.cli.session import DataDir, Interrupts, interrupts, note, run, settings_of

if TYPE_CHECKING:
    from tidemill.api.doorway import Doorway
    from tidemill.app import App
    from tidemill.cli.workers import Place
    from tidemill.settings import Settings

Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(min=0, max=65_535, help="Port to listen on; 0: any free one.")]


Workers = Annotated[int | None, typer.Option(min=1, max=256, help="Processes behind the one port.")]
Inherited = Annotated[str | None, typer.Option("--worker", hidden=True, help="What a worker has from its parent.")]


def serve(
    context: typer.Context,
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    data_dir: DataDir = None,
    worker: Inherited = None,
) -> None:
    """Serve the API (and nothing else) until Ctrl-C.

    Example: `tidemill serve --port 8080 --workers 2`
    """
    from tidemill.cli.workers import Place, supervised

    settings = settings_of(context, data_dir, quiet=False, api__host=host, api__port=port, api__workers=workers)
    if worker is None and settings.api.workers > 1:
        raise typer.Exit(run(supervised(settings)))
    run(_serve(settings, everything=False, place=Place.read(worker) if worker is not None else None))


def up(context: typer.Context, host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Run everything in one process group: crawler, processor, indexer and API, until Ctrl-C.

    Example: `tidemill up --data-dir ./data`
    """
    settings = settings_of(context, data_dir, quiet=False, api__host=host, api__port=port)
    run(_serve(settings, everything=True))


async def _serve(settings: Settings, *, everything: bool, place: Place | None = None) -> None:
    """The door is open from the beginning: who asks before the servers are there is told to wait.

    `place` is that of a worker among others.
    """
    from tidemill.api.doorway import Doorway, kept
    from tidemill.cli.standing import opened_patiently

    signals, doorway = interrupts(), Doorway()
    told: list[str] = []

    async def working() -> None:
        async with opened_patiently(settings, signals.stop) as app:
            if app is not None:
                await _work(app, signals, doorway, told[0], everything=everything, place=place)

    host, port = settings.api.host, settings.api.port
    listener = place.listener() if place is not None else None
    if place is not None:
        place.end_with_parent(signals.stop)
    await kept(doorway, working, signals.stop, host=host, port=port, on_ready=told.append, listener=listener)


async def _work(
    app: App, signals: Interrupts, doorway: Doorway, url: str, *, everything: bool, place: Place | None
) -> None:
    from tidemill.api.main import create_api
    from tidemill.http.hosts import is_loopback
    from tidemill.manage.accounts import ensure_first_key
    from tidemill.telemetry.logs import get_logger

    host, role = app.settings.api.host, app.settings.auth.loopback_role
    is_open = is_loopback(host) and role != "none"
    if not is_open and not app.settings.api.keys:
        key = await ensure_first_key(app.store)
        if key is not None:
            note(f"API key, shown this once: {key}")

    async def api(stop: asyncio.Event) -> None:
        app.health.mark_started()
        doorway.open(create_api(app, host=host), app.health)
        get_logger(__name__).info("serving", action="http.ready", base_url=url)
        if place is None or place.number == 0:
            note(f"serving {url}")
            if is_open:
                note(f"no key is needed there ({role}); before you put a proxy before it, set auth.loopback_role: none")
        await stop.wait()

    if everything:
        from tidemill.roles.endurance import drained
        from tidemill.roles.serving import up as everything_up

        await drained(app, everything_up(app, signals.stop, api, own_signals=signals.install), signals.stop)
    else:
        from tidemill.roles.serving import serving

        await serving(app, signals.stop, api)
