"""PUT /v1/config: the document of consumers, gateways and models; GET tells which one is in force."""

from __future__ import annotations

from aiohttp import web
from pydantic import ValidationError

from paceline.api.base import describe
from paceline.api.ledger_config import LedgerConfig
from paceline.ledger.documents import Outdated
from paceline.ledger.service import http, metrics
from paceline.ledger.service.http import Refused
from paceline.ledger.service.service import SERVICE

#: 5,000 models and 10,000 consumers are some 5 MB.
MOST_BYTES = 64 << 20


async def configure(request: web.Request) -> web.Response:
    """Take a document in, for all replicas."""
    service = request.app[SERVICE]
    try:
        config = LedgerConfig.model_validate_json(await http.body(request, MOST_BYTES))
        await service.configure(config)
    except Outdated as outdated:
        metrics.config_refused_total.labels("Outdated").inc()
        raise Refused(409, outdated.reason, outdated.message, generation=outdated.generation) from None
    except ValueError as wrong:
        metrics.config_refused_total.labels("Invalid").inc()
        words = describe(wrong, "document") if isinstance(wrong, ValidationError) else str(wrong)
        raise Refused(400, "Invalid", f"{words}. The document before is in force.") from None
    return http.answer({"generation": config.generation})


async def generation(request: web.Request) -> web.Response:
    """Which document is in force on this replica; 0: none."""
    book = request.app[SERVICE].book
    return http.answer({"generation": book.generation if book else 0})
