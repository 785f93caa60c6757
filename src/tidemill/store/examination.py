"""What a database says of its own health, for the doctor.

In: a store. Out: its size, whether it is damaged, and what its operator should know. SQLite checks its pages; a server
tells its version, how its clock stands to ours, and how near its limits it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.store.dialect import is_server
from tidemill.store.engine import Store

_MOST_DRIFT_S = 5.0
_MOST_USED = 0.9
_MOST_AGE = 1_500_000_000
_SERVER = text(
    """SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS size_bytes,
    current_setting('max_connections')::int AS most, (SELECT count(*) FROM pg_stat_activity) AS used,
    COALESCE((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS tls,
    (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()) AS age, clock_timestamp() AS now"""
)


@dataclass(frozen=True, slots=True)
class Condition:
    """The health of a database. `warning` is empty if there is nothing to worry about."""

    size_bytes: int
    detail: str
    broken: bool = False
    warning: str = ""


async def examine(store: Store) -> Condition:
    """Look at the database; raises what reading raises."""
    async with store.read() as connection:
        if is_server(connection):
            return await _server(connection)
        found = str(await connection.scalar(text("PRAGMA quick_check(1)")))
    return Condition(store.path.stat().st_size, found, broken=found != "ok")


async def _server(connection: AsyncConnection) -> Condition:
    row = (await connection.execute(_SERVER)).one()
    drift_s = (datetime.now(UTC) - row.now).total_seconds()
    warnings = []
    if abs(drift_s) > _MOST_DRIFT_S:
        warnings.append(f"its clock and this machine's are {abs(drift_s):.0f} s apart: look after NTP")
    if row.used > _MOST_USED * row.most:
        warnings.append("nearly all connections are used: lower database.pool_size or raise max_connections")
    if row.age > _MOST_AGE:
        warnings.append("VACUUM has not come round for long: look after autovacuum")
    tls = "TLS" if row.tls else "no TLS"
    detail = f"PostgreSQL {row.version.split()[0]}, {tls}, {row.used} of {row.most} connections"
    return Condition(int(row.size_bytes), detail, warning="; ".join(warnings))
