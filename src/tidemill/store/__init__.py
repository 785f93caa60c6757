"""Everything of value: the tables, and all SQL (but that of search/postgres).

`engine` opens the database, `tables` names it, `schema` keeps it at the version this code knows. The other modules hold
one noun each; their functions take a connection if they are part of a bigger transaction, the `Store` if they are one.
"""

import sqlalchemy.ext

from tidemill.imports import in_parts

# The rest of it is for SQLAlchemy's ORM, which nothing here uses, and which takes 50 ms to import.
in_parts(
    f"{sqlalchemy.ext.__name__}.asyncio",
    {
        "engine": ("AsyncConnection", "AsyncEngine", "AsyncTransaction", "create_async_engine"),
        "result": ("AsyncMappingResult", "AsyncResult", "AsyncScalarResult"),
    },
)
