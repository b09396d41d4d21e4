"""What Alembic runs: the versions, on the connection that it was given."""

from __future__ import annotations

from alembic import context

from paceline.ledger.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
