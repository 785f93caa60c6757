"""Alembic's door: migrations run on the connection, and in the transaction, that `store.schema` hands over."""

from alembic import context

from tidemill.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=connection.dialect.name == "sqlite")
context.run_migrations()
