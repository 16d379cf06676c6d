"""What Alembic runs: migrations on the connection, and in the transaction, that `migrate.py` holds."""

from alembic import context

from marketplace.persistence.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
