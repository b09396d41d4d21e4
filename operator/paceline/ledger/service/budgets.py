"""GET /v1/budgets: how every budget stands now."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from paceline.api.digest import short
from paceline.decide.budget import Budget, Standing
from paceline.decide.period import instant, span
from paceline.ledger.service import http
from paceline.ledger.service.http import Refused
from paceline.ledger.service.service import SERVICE


async def show_budgets(request: web.Request) -> web.Response:
    """By consumer; 304 where nothing changed since the tag that is brought."""
    service = request.app[SERVICE]
    if service.access.gone_us is not None:
        raise Refused(503, "StoreUnavailable", "The ledger's database cannot be reached.", retry_seconds=1)
    if service.book is None:
        raise Refused(503, "NotConfigured", "The ledger has no document yet.", retry_seconds=1)
    now_us, standings = service.now_us(), service.spending.standings
    found = {
        consumer: [_shown(each, standings[consumer][each.name], now_us) for each in budgets]
        for consumer, budgets in sorted(service.book.budgets.items())
        if consumer in standings
    }
    tag = short(found)
    headers = {"ETag": f'"{tag}"'}
    if request.headers.get("If-None-Match", "").strip('"') == tag:
        return web.Response(status=304, headers=headers)
    return http.answer({"generation": service.book.generation, "consumers": found}, headers=headers)


def _shown(budget: Budget, standing: Standing, now_us: int) -> dict[str, Any]:
    """Of a period that has ended since something was spent nothing is left."""
    over = now_us not in standing.span
    period = span(budget.period, budget.zone, now_us) if over else standing.span
    return {
        "name": budget.name,
        "spentMicros": 0 if over else standing.spent,
        "amountMicros": budget.amount,
        "periodEnds": instant(period.end_us).isoformat().replace("+00:00", "Z"),
    }
