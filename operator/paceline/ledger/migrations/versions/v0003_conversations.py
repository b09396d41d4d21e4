"""The conversation of a record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the release before writes records without it."""
    op.add_column("records", sa.Column("conversation", sa.Text()))
