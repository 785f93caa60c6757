"""What every command shares: its settings, the event loop it runs in, and its edge for errors and signals."""

from __future__ import annotations

import asyncio
import gc
import os
import pwd
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
import uvloop
from rich.console import Console

from tidemill.errors import TidemillError

if TYPE_CHECKING:  # these are imported in functions, here and in the commands: `--help` need not wait for them
    from tidemill.app import App
    from tidemill.models.account import Caller
    from tidemill.settings import Settings
    from tidemill.settings.load import Loaded

T = TypeVar("T")
FAILED, USAGE, INTERRUPTED = 1, 2, 130
_COLLECTOR = (10_000, 10, 10)  # a batch of pages is more than Python's 700 objects, and dies of itself

stderr = Console(stderr=True, highlight=False, soft_wrap=True)

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="The folder in which embedded mode keeps everything.",
        envvar="TIDEMILL_DATA_DIR",
        show_envvar=True,
        file_okay=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@dataclass(slots=True)
class Given:
    """What was said before the command's name."""

    overrides: dict[str, Any] = field(default_factory=dict)


def settings_of(context: typer.Context, data_dir: Path | None, *, quiet: bool = True, **overrides: Any) -> Settings:
    """The settings of this command; starts logging, of warnings only if `quiet` and no level was asked for."""
    from tidemill.telemetry.logs import configure_logging
    from tidemill.telemetry.steps import arm

    try:
        loaded = loaded_of(context, data_dir, **overrides)
    except TidemillError as error:
        raise fail(error) from error
    logging = loaded.settings.logging
    if quiet and loaded.origins["logging.level"].origin == "default":
        logging = logging.model_copy(update={"level": "WARNING"})
    configure_logging(logging)
    arm(loaded.settings.testing.crash_at)
    return loaded.settings


def loaded_of(context: typer.Context, data_dir: Path | None, **overrides: Any) -> Loaded:
    """The settings with the origin of each. `overrides` are dotted names with `__` for the dot.

    A folder that comes from the environment is left to the settings, so that one named before the command goes first.
    """
    from tidemill.settings.load import load

    given: Given = context.obj or Given()
    named = {name.replace("__", "."): value for name, value in overrides.items()}
    from_environment = getattr(context.get_parameter_source("data_dir"), "name", "") == "ENVIRONMENT"
    with_folder = {"data_dir": data_dir} if data_dir is not None and not from_environment else {}
    return load({**given.overrides, **with_folder, **named})


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine. An error of the house ends the command with its message and a status that is not 0."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # a request costs it half of asyncio's loop
            return runner.run(work)
    except TidemillError as error:
        raise fail(error) from error
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def fail(error: TidemillError) -> typer.Exit:
    """Say what went wrong; the exit to raise."""
    stderr.print(f"[bold red]error:[/] {_escaped(str(error))}")
    return typer.Exit(USAGE if error.reason in {"bad_url", "usage"} else FAILED)


def person() -> Caller:
    """Who gives this command, for the audit log. Whoever may read the database may do everything."""
    from tidemill.models.account import Role, caller_of

    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = str(number)
    return caller_of(f"cli:{name}", Role.ADMIN)


def note(message: str) -> None:
    """Tell the person something that is not the answer. Nobody can be told that it could not be said: the disk of the
    log is full, or whoever read it is gone; the work goes on."""
    with suppress(OSError):
        stderr.print(_escaped(message))


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[App]:
    """The open house."""
    from tidemill.app import open_app

    async with open_app(settings) as app:
        with _settled():
            yield app


@contextmanager
def _settled() -> Iterator[None]:
    """The garbage collector at work (`main.run` put it off), but not on what is there now: that stays, and is large."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_COLLECTOR)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


class Interrupts:
    """Ctrl-C and SIGTERM: the first sets `stop`, so that what is in flight can end; the second ends the process."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def install(self) -> None:
        """Take the signals, or take them back from a library that took them."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        if self.stop.is_set():
            note("stopped; the same command takes the run up again")
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        note("stopping: what is in flight still ends (Ctrl-C again stops at once)")
        self.stop.set()


def interrupts() -> Interrupts:
    """Signals under control, from inside the event loop."""
    taken = Interrupts()
    taken.install()
    return taken


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
