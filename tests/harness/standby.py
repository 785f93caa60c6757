"""A primary that streams its log, and standbys of it made by pg_basebackup, for tests of reads from standbys.

`streaming_postgres()` gives the primary; `standby_of(it)` a `Standby` that can fall behind (`hold`, `let_go`), be
killed and come back. All are the test's own and end with it.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url
from tests.harness.brokers import free_port
from tests.harness.chromium import require
from tests.harness.postgres import _OPTIONS, Server, _needed_binaries, own_postgres, run_server

_STREAMING = {"wal_level": "replica", "max_wal_senders": "4", "max_connections": "60"}


def streaming_postgres() -> AbstractContextManager[Server]:
    """A primary; skips the test if there can be none."""
    return own_postgres(**_STREAMING)


@dataclass(slots=True)
class Standby:
    """A standby. `server` is asked like any other, and cannot be written to."""

    server: Server
    folder: Path

    async def hold(self) -> None:
        """Replay nothing from now on: fall behind."""
        await self.server.run("SELECT pg_wal_replay_pause()")

    async def let_go(self) -> None:
        """Catch up."""
        await self.server.run("SELECT pg_wal_replay_resume()")

    async def promote(self) -> None:
        """Be a primary of its own."""
        await self.server.run("SELECT pg_promote()")

    def kill(self) -> None:
        """End it at once."""
        assert self.server.process is not None
        self.server.process.send_signal(signal.SIGQUIT)
        self.server.process.wait(20)

    def start(self) -> None:
        """Start it again over what it has."""
        port = make_url(self.server.url).port
        options = {**_OPTIONS, **_STREAMING, "port": str(port)}
        given = [f"-c{name}={value}" for name, value in options.items()]
        self.server.process = run_server(_needed_binaries(), self.folder, given)


@contextmanager
def standby_of(primary: Server) -> Iterator[Standby]:
    """A standby that streams from the primary, ready for reads."""
    folder = Path(tempfile.mkdtemp(prefix="tidemill-standby-"))
    try:
        user = "postgres" if folder.owner() == "root" else None
        if user:
            shutil.chown(folder, user)
        url = make_url(primary.url)
        where = ["-h", str(url.host), "-p", str(url.port), "-U", str(url.username)]
        copy = [_needed_binaries() / "pg_basebackup", "-D", folder / "data", "-R", "--checkpoint=fast", "--no-sync"]
        made = subprocess.run([*copy, *where], user=user, cwd=folder, capture_output=True, text=True, check=False)
        require("PostgreSQL", made.returncode == 0, f"pg_basebackup failed: {made.stderr[-300:]}")
        standby = Standby(Server(url.set(port=free_port()).render_as_string(hide_password=False)), folder)
        standby.start()
        try:
            yield standby
        finally:
            standby.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
