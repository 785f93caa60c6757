"""PostgreSQL as the search engine: the database of the store, with a table of its own beside the documents."""

from tidemill.search.postgres.engine import PostgresEngine

__all__ = ["PostgresEngine"]
