"""The PostgreSQL that benchmarks write to: one of its own, as a careful operator would set it, on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.harness.postgres import Server, own_postgres

_CAREFUL = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "replica",
    "max_wal_senders": "10",
    "autovacuum": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "max_connections": "100",
}


@contextmanager
def careful_postgres() -> Iterator[Server]:
    """A server that loses nothing when its machine does: flushed at each commit, whole pages in the log, autovacuum."""
    with own_postgres(**_CAREFUL) as server:
        yield server
