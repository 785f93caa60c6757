"""PostgreSQL behind the store: a pool of connections, bounded waits, TLS, the server's time.

In: a `postgresql://` URL and the settings. Out: two engines over one pool and what the store must know of them. A write
is one READ COMMITTED transaction, which takes the advisory locks that it names first; a read is one REPEATABLE READ
transaction that cannot write.
"""

from __future__ import annotations

import ssl
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import URL, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from tidemill.errors import Invalid, TidemillError
from tidemill.settings import DatabaseSettings
from tidemill.store import locks as locking
from tidemill.store.clock import ServerClock
from tidemill.store.locks import Lock
from tidemill.store.pool import TimedPool, try_idle_ones
from tidemill.store.postgres_errors import explain

_LIBPQ_TLS = {"sslmode": "ssl_mode", "sslrootcert": "ssl_ca", "sslcert": "ssl_cert", "sslkey": "ssl_key"}
_STATEMENTS = 500
_GRACE_S = 5.0
_OLDEST = 150000
_STUCK = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
    " AND usename = current_user AND application_name = :name AND pid <> pg_backend_pid()"
    " AND state = 'active' AND wait_event = 'ClientRead' AND state_change < now() - make_interval(secs => :seconds)"
)
"""A client that vanishes between the parts of one statement (it was stopped, or cut off) leaves a session that is
neither idle nor at work: no time limit of PostgreSQL 15 ends it, and its locks hold up everybody."""

_SORT = text(
    "SELECT count(*) FROM (SELECT repeat('x', 1000) || n AS words FROM generate_series(1, 4000) AS n"
    " ORDER BY words OFFSET 0) AS sorted"
)


@dataclass(slots=True)
class PostgresServer:
    """A database of a server; several processes, and several tasks of one, may write to it at once."""

    name: str
    application_name: str
    longest_s: float
    clock: ServerClock = field(default_factory=ServerClock)

    def now(self) -> datetime:
        """The server's time."""
        return self.clock.now()

    def turn(self) -> AbstractAsyncContextManager[object]:
        """Nobody waits for a turn: the server sees to it."""
        return nullcontext()

    async def begin(self, connection: AsyncConnection, locks: tuple[Lock, ...]) -> None:
        """Take the locks that the transaction named, and look at the server's clock if that was long ago."""
        await locking.take(connection, *locks)
        if self.clock.is_stale:
            await self.clock.ask(connection)

    async def take_time(self, connection: AsyncConnection) -> None:
        """This transaction only reads, and whoever wants its rows may be slow."""
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))

    async def end_stuck(self, connection: AsyncConnection) -> int:
        """See `_STUCK`. Only sessions of the same user, which is all that one without rights may end."""
        given = {"name": self.application_name, "seconds": self.longest_s}
        return int(await connection.scalar(_STUCK, given) or 0)

    async def try_room(self, connection: AsyncConnection) -> None:
        """Raises `NoSpace` while its disk has no room for the temporary file that sorting a few megabytes takes."""
        await connection.execute(text("SET LOCAL work_mem = '64kB'"))
        await connection.execute(_SORT)

    def explain(self, error: Exception, *, writing: bool) -> TidemillError | None:
        """The error of this house for one of the driver's; `None` if it is none of the driver's."""
        return explain(error, self.name, writing=writing)


def open_postgres(url: URL, settings: DatabaseSettings) -> tuple[PostgresServer, AsyncEngine, AsyncEngine, AsyncEngine]:
    """The server with its writing, its reading and its altering engine. No connection is opened yet.

    Raises `Invalid`.
    """
    try:
        from tidemill.store.catalogue import KnowingConnection  # its driver is an extra
    except ImportError as error:
        raise Invalid(
            "PostgreSQL needs its driver: pip install 'tidemill[postgres]'", reason="database_driver"
        ) from error
    address, arguments = _address(url), _connect_arguments(settings, _tls(url, settings))
    arguments["connection_class"] = KnowingConnection
    pool = create_async_engine(
        address,
        connect_args=arguments,
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        pool_timeout=settings.pool_timeout_s,
        pool_recycle=settings.pool_recycle_s,
        pool_use_lifo=True,
        poolclass=TimedPool,
    )
    event.listen(pool.sync_engine, "handle_error", _drop_silent)
    if settings.pre_ping:
        try_idle_ones(pool)
    reader = pool.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    altering = create_async_engine(address, connect_args=_without_haste(arguments), poolclass=NullPool)
    longest_s = settings.statement_timeout_s + _GRACE_S
    return PostgresServer(_shown(address), settings.application_name, longest_s), pool, reader, altering


def _drop_silent(context: ExceptionContext) -> None:
    """Who did not answer a statement in time will not answer a ROLLBACK either: the connection is given up."""
    if isinstance(context.original_exception, TimeoutError):
        context.is_disconnect = True


async def check_capacity(connection: AsyncConnection, settings: DatabaseSettings) -> None:
    """Refuse a server that is too old, has another encoding, or fewer connections than all processes may open."""
    names = ("server_version_num", "server_encoding", "max_connections", "superuser_reserved_connections")
    row = (await connection.execute(text("SELECT " + ", ".join(f"current_setting('{each}')" for each in names)))).one()
    version, encoding, most, reserved = (str(each) for each in row)
    if int(version) < _OLDEST or encoding != "UTF8":
        raise Invalid(
            f"the database server is PostgreSQL {int(version) // 10000} and the database's encoding {encoding};"
            " tidemill needs version 15 or later and UTF8",
            reason="database_version",
        )
    free = int(most) - int(reserved)
    wanted = (settings.pool_size + settings.max_overflow) * settings.processes
    if wanted > free:
        raise Invalid(
            f"{settings.processes} processes (database.processes) with up to {settings.pool_size} +"
            f" {settings.max_overflow} connections each (database.pool_size, database.max_overflow) may open {wanted},"
            f" and the server has {free} for them (max_connections); lower the former or raise the latter",
            reason="database_connections",
        )


def _address(url: URL) -> URL:
    known = set(_LIBPQ_TLS)
    if unknown := sorted(set(url.query) - known):
        raise Invalid(
            f"database.url has {unknown[0]!r} behind its question mark; only {', '.join(sorted(known))} may stand"
            " there, the rest are settings: database.pool_size, database.statement_timeout_s …",
            reason="database_url",
        )
    if not url.database:
        raise Invalid(
            "database.url names no database: write it like postgresql://user@host:5432/database", reason="database_url"
        )
    return url.set(drivername="postgresql+asyncpg", query={})


def _shown(address: URL) -> str:
    user = f"{address.username}@" if address.username else ""
    port = f":{address.port}" if address.port else ""
    return f"postgresql://{user}{address.host or 'localhost'}{port}/{address.database}"


def _connect_arguments(settings: DatabaseSettings, tls: ssl.SSLContext | str | bool) -> dict[str, Any]:
    return {
        "ssl": tls,
        "timeout": settings.connect_timeout_s,
        # The server breaks off first; this is for a server that is not heard of any more.
        "command_timeout": settings.statement_timeout_s + _GRACE_S,
        "prepared_statement_cache_size": _STATEMENTS,
        "server_settings": {
            "application_name": settings.application_name,
            "statement_timeout": _milliseconds(settings.statement_timeout_s),
            "lock_timeout": _milliseconds(settings.lock_timeout_s),
            # Who falls asleep in the midst of a transaction has locks that everybody else waits for.
            "idle_in_transaction_session_timeout": _milliseconds(settings.statement_timeout_s),
            "timezone": "UTC",
            "jit": "off",  # statements are small: to compile one takes longer than to run it
            "tcp_keepalives_idle": "30",  # the locks of a machine that vanished are let go within a minute
            "tcp_keepalives_interval": "10",
            "tcp_keepalives_count": "3",
        },
    }


def _without_haste(arguments: dict[str, Any]) -> dict[str, Any]:
    """The same without a limit to the time of a statement, neither the server's nor the driver's."""
    server = {**arguments["server_settings"], "statement_timeout": "0"}
    return {**arguments, "command_timeout": None, "server_settings": server}


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


def _tls(url: URL, settings: DatabaseSettings) -> ssl.SSLContext | str | bool:
    """What the driver takes for TLS; what stands in the URL goes before the settings."""
    given = {_LIBPQ_TLS[name]: str(value) for name, value in url.query.items()}
    mode = given.get("ssl_mode", settings.ssl_mode)
    ca = given.get("ssl_ca") or settings.ssl_ca
    if mode in ("disable", "prefer"):
        return False if mode == "disable" else "prefer"
    if mode not in ("require", "verify-ca", "verify-full"):
        raise Invalid(
            f"sslmode is {mode!r}; it is one of disable, prefer, require, verify-ca, verify-full", reason="database_ssl"
        )
    certificate = given.get("ssl_cert") or settings.ssl_cert
    try:
        context = ssl.create_default_context(cafile=ca)
        if certificate:
            context.load_cert_chain(certificate, given.get("ssl_key") or settings.ssl_key)
    except OSError as error:
        raise Invalid(
            f"cannot read the certificates of the database (database.ssl_ca {ca}, database.ssl_cert {certificate}):"
            f" {error}",
            reason="database_ssl",
        ) from error
    context.check_hostname = mode == "verify-full"
    if mode == "require":
        context.verify_mode = ssl.CERT_NONE
    return context
