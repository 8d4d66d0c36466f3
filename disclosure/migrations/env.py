"""Alembic's entry point: it runs inside the connection that `migrate` hands over, never on its own."""

from __future__ import annotations

from alembic import context

from disclosure.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
