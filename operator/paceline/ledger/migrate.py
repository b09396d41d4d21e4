"""Brings a database's tables to this release; they only ever grow, so that the release before can still use them."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.engine import Connection

from paceline.ledger.errors import StoreTooNew

_FOLDER = Path(__file__).with_name("migrations")


def upgrade(tx: Connection) -> None:
    """Run what is missing, within a transaction of the one writer, so that replicas may start together.

    Raises:
        StoreTooNew: the database is of a later release.
    """
    config = Config(attributes={"connection": tx})
    config.set_main_option("script_location", str(_FOLDER))
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreTooNew(
            "StoreTooNew", f"The ledger's database is of a later release ({error}); run that one, or restore a backup."
        ) from error
