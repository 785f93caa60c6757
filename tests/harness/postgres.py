"""The PostgreSQL that tests of the store need: a throw-away server, or the one of `TIDEMILL_TEST_POSTGRES_URL`.

`need_postgres()` gives a `Server` whose databases are copies of one with Tidemill's tables. The server is started from
the binaries of this machine once for each test process, with its data below the temporary folder, and dies with it.
Missing binaries are installed where that is possible; else the tests are skipped, and under CI they fail.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from sqlalchemy.engine import make_url
from tests.harness.chromium import apt_install, require

from tidemill.settings import DatabaseSettings
from tidemill.store import schema
from tidemill.store.engine import open_store

_PACKAGE = "postgresql"
_URL = "TIDEMILL_TEST_POSTGRES_URL"
_START_S = 60
_PR_SET_PDEATHSIG = 1
# Nothing here outlives the tests, and linguistic sorting shows whether somebody relies on the order of the locale.
_INITDB = ("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US", "--auth=trust")
_OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "listen_addresses": "127.0.0.1",
}


@dataclass(slots=True)
class Server:
    """A server with a template of Tidemill's tables. `url` is that of its database `postgres`, as a superuser."""

    url: str
    process: subprocess.Popen[bytes] | None = None
    hba: Path | None = None
    template: str = field(default_factory=lambda: f"tidemill_test_{uuid.uuid4().hex[:12]}")
    made: bool = False

    def url_of(self, database: str) -> str:
        """The URL of one of its databases."""
        return make_url(self.url).set(database=database).render_as_string(hide_password=False)

    async def empty(self) -> str:
        """The URL of a new database without tables."""
        name = f"{self.template}_{uuid.uuid4().hex[:8]}"
        await self.run(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return self.url_of(name)

    async def copy(self) -> str:
        """The URL of a new database with Tidemill's tables."""
        if not self.made:
            await self.run(f'CREATE DATABASE "{self.template}" TEMPLATE template0')
            store = open_store(self.url_of(self.template), DatabaseSettings(), Path(tempfile.gettempdir()))
            await schema.ensure_schema(store)
            await store.close()
            self.made = True
        name = f"{self.template}_{uuid.uuid4().hex[:8]}"
        await self.run(f'CREATE DATABASE "{name}" TEMPLATE "{self.template}" STRATEGY file_copy')
        return self.url_of(name)

    async def drop(self, url: str) -> None:
        """Drop a database, whoever is still connected."""
        await self.run(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')

    async def run(self, statement: str, url: str | None = None, *, script: bool = False) -> list[Any]:
        """Run a statement as a superuser, or a script of several."""
        connection = await asyncpg.connect(url or self.url)
        try:
            if script:
                await connection.execute(statement)
                return []
            return list(await connection.fetch(statement))
        finally:
            await connection.close()

    def __hash__(self) -> int:
        return id(self)


@cache
def need_postgres() -> Server:
    """The server of this test process; skips the test if there can be none, or fails it under CI."""
    given = os.environ.get(_URL)
    if given:
        return _with_end(Server(given))
    return _with_end(_start(_needed_binaries()))


@contextmanager
def own_postgres(parent: Path | None = None, **options: object) -> Iterator[Server]:
    """A server that a test may kill (`crash`) and start again (`again`); skips the test if there can be none.

    `parent` is the folder in which its own is made. `options` go before those of the tests: a benchmark wants a server
    that keeps its promises.
    """
    server = _start(_needed_binaries(), durable=True, parent=parent, **options)
    try:
        yield server
    finally:
        _end(server)


def crash(server: Server) -> None:
    """kill -9 for the server with all of its processes: what was not committed is gone, and nobody is told."""
    assert server.process is not None
    family = psutil.Process(server.process.pid).children(recursive=True)
    for each in (server.process, *family):
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            each.send_signal(signal.SIGKILL)
    server.process.wait(20)
    psutil.wait_procs(family, timeout=20)


def again(server: Server) -> None:
    """Start a server that was killed, over what it has left."""
    assert server.hba is not None
    folder = server.hba.parent.parent
    server.process = run_server(_needed_binaries(), folder, _arguments(make_url(server.url).port, durable=True))


def _arguments(port: int | None, *, durable: bool, **given: object) -> list[str]:
    """`durable`: what was committed survives that the server is killed."""
    options = {**_OPTIONS, "port": port, "synchronous_commit": "on" if durable else "off", **given}
    return [f"-c{name}={value}" for name, value in options.items()]


def _needed_binaries() -> Path:
    binaries = _binaries()
    if binaries is None:
        problem = apt_install(_PACKAGE, lambda: _binaries() is not None)
        binaries = _binaries()
        require("PostgreSQL", binaries is not None, problem or f"install its server, or name one in {_URL}")
    assert binaries is not None
    return binaries


def _binaries() -> Path | None:
    """The folder of the newest server programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def _start(binaries: Path, *, durable: bool = False, parent: Path | None = None, **options: object) -> Server:
    folder = Path(tempfile.mkdtemp(prefix="tidemill-pg-", dir=parent))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    made = subprocess.run(
        [binaries / "initdb", "--pgdata", folder / "data", "--username=tidemill", "--no-sync", *_INITDB],
        user=user,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    require("PostgreSQL", made.returncode == 0, f"initdb failed: {made.stderr[-300:]}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = run_server(binaries, folder, _arguments(port, durable=durable, **options))
    return Server(f"postgresql://tidemill@127.0.0.1:{port}/postgres", process, folder / "data" / "pg_hba.conf")


def run_server(binaries: Path, folder: Path, options: list[str]) -> subprocess.Popen[bytes]:
    """A server over the folder's data that ends with this process; returns when it accepts connections."""
    parent = os.getpid()

    def die_with_parent() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
        if os.getppid() != parent:
            os._exit(1)

    log = (folder / "log").open("ab")
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    process = subprocess.Popen(
        [binaries / "postgres", "-D", folder / "data", f"-cunix_socket_directories={folder}", *options],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd=folder,
        preexec_fn=die_with_parent,
        start_new_session=True,
        **({"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}),  # type: ignore[arg-type]
    )
    log.close()
    port = next(option.partition("=")[2] for option in options if option.startswith("-cport="))
    deadline = time.monotonic() + _START_S
    ready = [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port]
    while subprocess.run(ready, check=False).returncode != 0:
        said = (folder / "log").read_text(errors="replace")[-500:]
        alive = process.poll() is None and time.monotonic() < deadline
        require("PostgreSQL", alive, f"the server did not start: {said}")
        time.sleep(0.05)
    return process


def _with_end(server: Server) -> Server:
    atexit.register(_end, server)
    return server


def _end(server: Server) -> None:
    if server.process is not None:
        server.process.send_signal(signal.SIGQUIT)
        server.process.wait(20)
    elif server.made:
        in_own_loop(server.drop(server.url_of(server.template)))


def in_own_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of work, in whatever loop the caller is or is not."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
