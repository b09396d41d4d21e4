"""What the ledger was told of consumers, gateways and models: kept beside the records, for all replicas and starts."""

from __future__ import annotations

import sqlalchemy as sa

from paceline.api.ledger_config import LedgerConfig
from paceline.errors import Stalled
from paceline.ledger.store import Store, put
from paceline.ledger.tables import DOCUMENTS

_NAME = "config"


class Outdated(Stalled):
    """A document is older than the one that is kept, or another one of the same generation.

    Attributes:
        generation: Of the one that is kept.
    """

    def __init__(self, offered: int, generation: int) -> None:
        message = f"Generation {offered} was offered, but generation {generation} is kept; send a later one."
        super().__init__("Outdated", message)
        self.generation = generation


def keep(store: Store, config: LedgerConfig) -> None:
    """Keep a document in the place of an older one. The same one again changes nothing.

    Raises:
        Outdated: the one that is kept is later, or another of this generation.
    """
    body = config.model_dump_json(by_alias=True)
    kept = DOCUMENTS.c.name == _NAME
    with store.writing() as tx:
        row = tx.execute(sa.select(DOCUMENTS.c.generation, DOCUMENTS.c.body).where(kept)).first()
        if row and (row[0] > config.generation or (row[0] == config.generation and row[1] != body)):
            raise Outdated(config.generation, row[0])
        put(tx, DOCUMENTS, [{"name": _NAME, "generation": config.generation, "body": body}])


def later(store: Store, generation: int) -> LedgerConfig | None:
    """The document that is kept, if it is later than a generation."""
    found = (DOCUMENTS.c.name == _NAME) & (DOCUMENTS.c.generation > generation)
    with store.reading() as tx:
        body = tx.scalar(sa.select(DOCUMENTS.c.body).where(found))
    return None if body is None else LedgerConfig.model_validate_json(body)
