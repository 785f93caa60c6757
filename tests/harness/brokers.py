"""Redis and RabbitMQ for tests: the one that a variable names, or one of our own that the whole session shares.

`shared_redis` and `shared_rabbitmq` give its URL; `TIDEMILL_TEST_REDIS_URL` and `TIDEMILL_TEST_RABBITMQ_URL` go first.
Missing programs are installed where that is possible (Debian, as root), and else loudly missed. Queues bear the epoch
of their database, so tests share a server without seeing each other. `own_redis` is for tests that end it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.harness.certificates import Certified, certified
from tests.harness.chromium import apt_install, require

ROOT = Path(__file__).resolve().parents[2]
_RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"
_STARTS_S = 90.0
MASTER = "mymaster"
"""What the Sentinels of `watched_redis` call it."""
_KEEPERS: list[subprocess.Popen[bytes]] = []
PATIENCE_S = 120 if shutil.which("redis-server") and Path(_RABBITMQ).exists() else 900
"""For `pytest.mark.timeout`: the first test on a new machine waits until the servers are installed."""


def shared_redis(session: Path) -> str:
    """The URL of a Redis; `session` is a folder that the workers of this session share."""
    given = os.environ.get("TIDEMILL_TEST_REDIS_URL")
    return given or _shared(session, "redis", need_redis, _redis_commands, "redis://127.0.0.1:{port}/0")


def shared_rabbitmq(session: Path) -> str:
    """The URL of a RabbitMQ; it takes ten seconds to start."""
    given = os.environ.get("TIDEMILL_TEST_RABBITMQ_URL")
    url = "amqp://guest:guest@127.0.0.1:{port}/"  # pragma: allowlist secret
    return given or _shared(session, "rabbitmq", need_rabbitmq, _rabbitmq_commands, url)


def shared_rabbitmq_tls(session: Path) -> tuple[str, Path]:
    """The `amqps:` URL of the same, and the authority that vouches for it; raises `LookupError` for a given one."""
    if "TIDEMILL_TEST_RABBITMQ_URL" in os.environ:
        raise LookupError("a given RabbitMQ has certificates of its own")
    shared_rabbitmq(session)
    (note,) = session.glob("rabbitmq-*/tls.port")
    url = f"amqps://guest:guest@127.0.0.1:{note.read_text()}/"  # pragma: allowlist secret
    return url, note.parent / "authority.crt"


def need_redis() -> str:
    """The program redis-server."""
    return _program("redis-server", "redis-server", lambda: shutil.which("redis-server"))


def need_rabbitmq() -> str:
    """The program rabbitmq-server: not Debian's wrapper, which wants to be another user."""

    def find() -> str | None:
        return _RABBITMQ if Path(_RABBITMQ).exists() else shutil.which("rabbitmq-server")

    return _program("rabbitmq-server", "rabbitmq-server", find)


class OwnServer:
    """A server of one test, to be killed, stopped and started again. Its data stays in its folder."""

    def __init__(self, command: list[str], port: int, environment: dict[str, str]) -> None:
        self._command = command
        self._environment = environment
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        out = subprocess.DEVNULL
        environment = {**os.environ, **self._environment}
        self.process = subprocess.Popen(self._command, stdout=out, stderr=out, env=environment, start_new_session=True)
        _wait_for(self.port)

    def kill(self) -> None:
        """End it with all of its processes as a power failure would."""
        if self.process is not None:
            family = psutil.Process(self.process.pid).children(recursive=True)
            for each in (self.process, *family):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
            self.process.wait()
            psutil.wait_procs(family, timeout=10)
            self.process = None


def redis_tls(certified: Certified, port: int) -> tuple[str, ...]:
    """Options of a Redis that speaks nothing but TLS."""
    files = ("--tls-cert-file", str(certified.certificate), "--tls-key-file", str(certified.key))
    rest = ("--tls-ca-cert-file", str(certified.authority), "--tls-auth-clients", "no", "--tls-replication", "yes")
    return ("--port", "0", "--tls-port", str(port), *files, *rest)


@dataclass(slots=True)
class Watched:
    """A master with one replica, and three Sentinels that make the replica master when the master dies."""

    master: OwnServer
    replica: OwnServer
    sentinels: tuple[int, ...]


@contextmanager
def watched_redis(folder: Path, certified: Certified | None = None) -> Iterator[Watched]:
    """Redis behind Sentinels, all with TLS if there is a certificate."""
    need_redis()
    with ExitStack() as stack:
        ports = [free_port() for _ in range(5)]

        def begin(name: str, port: int, *options: str) -> OwnServer:
            place = folder / name
            place.mkdir()
            tls = redis_tls(certified, port) if certified else ()
            server = OwnServer([*_redis_commands(place, port)[0], *tls, *options], port, {})
            stack.callback(server.kill)
            server.start()
            return server

        master = begin("master", ports[0])
        replica = begin("replica", ports[1], "--replicaof", "127.0.0.1", str(ports[0]))
        for number, port in enumerate(ports[2:]):
            config = folder / f"sentinel{number}.conf"
            lines = [f"port {port}", "bind 127.0.0.1", f"dir {folder}"]
            if certified:
                given = redis_tls(certified, port)
                lines = [f"{name[2:]} {value}" for name, value in zip(given[::2], given[1::2], strict=True)] + lines[1:]
            lines += [f"sentinel monitor {MASTER} 127.0.0.1 {ports[0]} 2"]
            lines += [f"sentinel down-after-milliseconds {MASTER} 500", f"sentinel failover-timeout {MASTER} 3000"]
            config.write_text("\n".join(lines) + "\n")
            sentinel = OwnServer(["redis-server", str(config), "--sentinel"], port, {})
            stack.callback(sentinel.kill)
            sentinel.start()
        yield Watched(master, replica, tuple(ports[2:]))


@contextmanager
def own_redis(folder: Path, *options: str, port: int | None = None) -> Iterator[OwnServer]:
    """A Redis of its own without persistence, with these options of its command line."""
    need_redis()
    port = port or free_port()
    server = OwnServer([*_redis_commands(folder, port)[0], *options], port, {})
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def own_rabbitmq(folder: Path) -> Iterator[OwnServer]:
    """A RabbitMQ of its own, to be killed and started again; its queues stay in its folder."""
    need_rabbitmq()
    port = free_port()
    mapper, server = _rabbitmq_commands(folder, port)
    out = subprocess.DEVNULL
    names = subprocess.Popen(mapper, stdout=out, stderr=out, start_new_session=True)
    own = OwnServer(server, port, {})
    try:
        own.start()
        yield own
    finally:
        own.kill()
        names.kill()
        names.wait()


def free_port() -> int:
    """A port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def session_folder(base: Path) -> Path:
    """The folder that all workers of this test session share, from the base folder of one of them."""
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


def _program(name: str, package: str, find: Callable[[], str | None]) -> str:
    found = find()
    problem = "" if found else apt_install(package, lambda: find() is not None)
    found = find()
    require(name, found is not None, f"install the package {package}, or name a server of yours {problem}")
    assert found is not None
    return found


Commands = Callable[[Path, int], list[list[str]]]


def _shared(session: Path, name: str, need: Callable[[], str], commands: Commands, url: str) -> str:
    """Start the server if nobody of this session has; who comes later waits for the lock, and finds it running."""
    note = session / f"{name}.port"
    with (session / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if note.exists():
            return url.format(port=note.read_text())
        need()
        port = free_port()
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=session))
        _keep(folder, commands(folder, port))
        _wait_for(port)
        note.write_text(str(port))
        return url.format(port=port)


def _keep(folder: Path, commands: list[list[str]]) -> None:
    watched = os.getppid() if os.environ.get("PYTEST_XDIST_WORKER") else os.getpid()
    keeper = [sys.executable, "-m", "tests.harness.keeper", str(watched), json.dumps(commands)]
    with (folder / "log").open("wb") as log:
        started = subprocess.Popen(
            keeper, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    _KEEPERS.append(started)  # it outlives us, or else Python would complain of a child that nobody waited for


def _redis_commands(folder: Path, port: int) -> list[list[str]]:
    options = {"port": str(port), "bind": "127.0.0.1", "dir": str(folder), "save": "", "appendonly": "no"}
    return [["redis-server", *(word for name, value in options.items() for word in (f"--{name}", value))]]


def _rabbitmq_commands(folder: Path, port: int) -> list[list[str]]:
    """RabbitMQ with all of its files in the folder, and the port mapper that it would leave behind."""
    mapper, distribution, tls = free_port(), free_port(), free_port()
    given = certified(folder)
    files = {"cacertfile": given.authority, "certfile": given.certificate, "keyfile": given.key}
    lines = [f"listeners.ssl.1 = 127.0.0.1:{tls}", *(f"ssl_options.{name} = {path}" for name, path in files.items())]
    (folder / "tls.conf").write_text("\n".join(lines) + "\n")
    (folder / "tls.port").write_text(str(tls))
    variables = {
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(mapper),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_CONFIG_FILE": str(folder / "tls.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_NODENAME": f"tidemill{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    own = ["env", *(f"{name}={value}" for name, value in variables.items())]
    return [[*own, "epmd", "-port", str(mapper)], [*own, need_rabbitmq()]]


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _STARTS_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port} after {_STARTS_S:g} s")
