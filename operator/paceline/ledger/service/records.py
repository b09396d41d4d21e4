"""POST /v1/records: what gateways' logs say; GET tells from where on the ledger wants it."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from paceline.ledger.append import append
from paceline.ledger.batch import Batch, Line, position
from paceline.ledger.errors import Gap
from paceline.ledger.service import http, metrics
from paceline.ledger.service.http import IDENTITY, Refused
from paceline.ledger.service.service import SERVICE
from paceline.ledger.service.verifier import Identity

log = logging.getLogger(__name__)

#: Of one batch: some thousand records.
MOST_BYTES = 8 << 20
#: Batches that are in memory at a time.
AT_ONCE = 8
SLOTS: web.AppKey[asyncio.Semaphore] = web.AppKey("slots", asyncio.Semaphore)


async def take(request: web.Request) -> web.Response:
    """Take in a part of a log, each of its lines once."""
    service, identity = request.app[SERVICE], request[IDENTITY]
    book = service.book
    if book is None or identity.gateway not in book.gateways:
        words = f"Gateway {identity.gateway} is not in the ledger's document yet, so its prices are not known."
        raise Refused(503, "NotConfigured", words, retry_seconds=5)
    async with request.app[SLOTS]:
        batch = _batch(identity, request, await http.body(request, MOST_BYTES))
        try:
            receipt = await service.access.write(
                append, batch, book.prices, service.now_us(), service.settings.retention
            )
        except Gap as gap:
            raise Refused(409, gap.reason, gap.message, position=gap.position) from None
    metrics.records_total.labels("Recorded").inc(receipt.recorded)
    metrics.records_total.labels("Replayed").inc(receipt.replayed)
    metrics.records_total.labels("Quarantined").inc(receipt.bad)
    metrics.overruns_total.inc(len(receipt.overruns))
    for record in receipt.records:
        if record.unmeasured:
            metrics.unmeasured_total.labels(record.model, record.usage_source.value).inc()
    for each in receipt.overruns:
        log.warning("%s: request %s cost more than was reserved for it", identity.gateway, each)
    service.recorded(receipt.records)
    told = {"position": receipt.position, "recorded": receipt.recorded, "replayed": receipt.replayed}
    return http.answer(told | {"quarantined": receipt.bad})


async def where(request: web.Request) -> web.Response:
    """From where on a log is to be sent."""
    log = http.text(request, "log")
    found = await request.app[SERVICE].access.read(position, request[IDENTITY].shipper, log)
    return http.answer({"position": found})


def _batch(identity: Identity, request: web.Request, data: bytes) -> Batch:
    lines = tuple(_line(each) for each in data.split(b"\n") if each)
    try:
        return Batch(
            identity.shipper,
            http.text(request, "log"),
            http.number(request, "start"),
            http.number(request, "end"),
            lines,
            http.number(request, "completeUs"),
            identity.gateway,
        )
    except ValueError as wrong:
        raise Refused(400, "Invalid", f"The batch is none: {wrong}.") from None


def _line(data: bytes) -> Line:
    """A line stands behind the place where it begins in its log: what is sent of a log may be less than is in it."""
    place, space, line = data.partition(b" ")
    if not space or not place.isdigit() or len(place) > 19:
        raise Refused(
            400, "Invalid", "Each line of the body must be the line's position in its log, a space, the line."
        )
    return Line(int(place), line)
