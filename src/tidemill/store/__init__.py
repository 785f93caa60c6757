"""Everything of value: the tables, and all SQL (but that of search/postgres).

`engine` opens the database, `tables` names it, `schema` keeps it at the version this code knows. The other modules hold
one noun each; their functions take a connection if they are part of a bigger transaction, the `Store` if they are one.
"""
