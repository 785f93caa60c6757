"""What SQLite's query planner is told of our indexes: that few states are shared by many documents.

In: the connection on which tables are made or upgraded. Out: nothing. Without statistics SQLite takes the first column
of every index for selective: to find the documents of some contents it read all of a state, by the index of lists, for
each batch. An operator's own `ANALYZE` replaces what is said here. Called by `schema` and a migration; does nothing to
a server, which looks for itself.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from tidemill.store.dialect import is_server

_SHARED = (("documents", "ix_documents_listed", "1000000 400000 1 1 1 1 1"),)
"""Table, index, and how many rows there are, and share the first column, the first two, and so on (`sqlite_stat1`)."""
_MAKE = text("ANALYZE alembic_version")
_TELL = text(
    "INSERT INTO sqlite_stat1 (tbl, idx, stat) SELECT :tbl, :idx, :stat"
    " WHERE NOT EXISTS (SELECT 1 FROM sqlite_stat1 WHERE idx = :idx)"
)
_READ = text("ANALYZE sqlite_schema")


def tell(connection: Connection) -> None:
    """Write down what is known of indexes that nobody has analysed."""
    if is_server(connection):
        return
    connection.execute(_MAKE)
    for table, index, counts in _SHARED:
        connection.execute(_TELL, {"tbl": table, "idx": index, "stat": counts})
    connection.execute(_READ)
