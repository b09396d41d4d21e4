"""GET /v1/usage, /v1/export, /v1/slo and /v1/history: what was used, and what users met."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast, get_args

from aiohttp import web

from paceline.api import money
from paceline.decide.period import instant
from paceline.ledger import export, history, usage
from paceline.ledger.history import Figures
from paceline.ledger.quarters import DAY_US, MINUTE_US, QUARTER_US
from paceline.ledger.retention import MINUTES
from paceline.ledger.service import http
from paceline.ledger.service.http import Refused
from paceline.ledger.service.service import SERVICE
from paceline.ledger.usage import Dimension
from paceline.stats.sketch import Sketch

#: Names of the interface; the table calls a class by a longer name.
_DIMENSIONS: Mapping[str, Dimension] = {
    "class" if name == "request_class" else name: name for name in get_args(Dimension)
}
_MOST_MINUTES_US = int(MINUTES.total_seconds()) * 1_000_000
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_SLO_BY = ("revision", "deployment")
#: History is kept this long.
_DAYS = 14


async def show_usage(request: web.Request) -> web.Response:
    """Sums from `from` to `to` (default: the last 24 hours), by some dimensions, of those with some values."""
    service = request.app[SERVICE]
    now = service.now_us()
    since, until = http.time_us(request, "from", now - DAY_US), http.time_us(request, "to", now + QUARTER_US)
    names = [name for name in request.query.get("by", "consumer").split(",") if name]
    unknown = [name for name in names if name not in _DIMENSIONS]
    if unknown:
        raise Refused(400, "Invalid", f"by must be of {', '.join(_DIMENSIONS)}; {unknown[0][:32]!r} is none of them.")
    only = {_DIMENSIONS[name]: request.query[name] for name in _DIMENSIONS if name in request.query}
    by = [_DIMENSIONS[name] for name in dict.fromkeys(names)]
    rows = await service.access.read(usage.rollup, since, until, by, only)
    return http.answer({"from": _time(since), "to": _time(until), "rows": [_row(row, names) for row in rows]})


async def show_attempts(request: web.Request) -> web.StreamResponse:
    """A line of JSON for each attempt from `from` to `to` (default: the last 24 hours), of one consumer or of all.

    Pages are read while the reader takes them, so that memory holds one. A reader whose answer breaks off lacks rows.
    """
    service = request.app[SERVICE]
    now = service.now_us()
    since, until = http.time_us(request, "from", now - DAY_US), http.time_us(request, "to", now + QUARTER_US)
    consumer = request.query.get("consumer")
    found, after = await service.access.read(export.page, since, until, consumer)
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    while True:
        await response.write(b"".join(_line(row) for row in found))
        if after is None:
            break
        found, after = await service.access.read(export.page, since, until, consumer, after)
    await response.write_eof()
    return response


async def show_slo(request: web.Request) -> web.Response:
    """Good and eligible requests and percentiles of the last `window` seconds, by deployment and revision.

    With by=deployment revisions are taken together, and those without a request are left out: one question for all.
    """
    service = request.app[SERVICE]
    window = http.number(request, "window", least=60, most=_DAYS * 86_400, default=300) * 1_000_000
    by = request.query.get("by", "revision")
    if by not in _SLO_BY:
        raise Refused(400, "Invalid", f"by must be {' or '.join(_SLO_BY)}; {by[:32]!r} is neither.")
    # Minutes are kept for two hours only.
    span = MINUTE_US if window <= _MOST_MINUTES_US else QUARTER_US
    since, until = service.now_us() - window, service.now_us() + span  # the minute that is now belongs to it
    found: dict[str, Any] = {}
    if by == "deployment":
        sums = await service.access.read(history.latest, since, until, span)
        asked = request.query.getall("deployment", list(sums))
        found = {name: _figures(sums[name]) for name in sorted(sums.keys() & set(asked))}
    else:
        for name in _deployments(request):
            totals = await service.access.read(history.totals, name, since, until, span)
            found[name] = {revision: _figures(each) for revision, each in totals.items()}
    return http.answer({"windowSeconds": window // 1_000_000, "deployments": found})


async def show_history(request: web.Request) -> web.Response:
    """Figures of each quarter of an hour from `from` to `to` (default: all 14 days), by deployment and revision."""
    service = request.app[SERVICE]
    now = service.now_us()
    since, until = http.time_us(request, "from", now - _DAYS * DAY_US), http.time_us(request, "to", now + QUARTER_US)
    found = {}
    for name in _deployments(request):
        series = await service.access.read(history.series, name, since, until)
        found[name] = [
            {"start": _time(start), "revision": revision} | _figures(each) for (start, revision), each in series.items()
        ]
    return http.answer({"spanSeconds": QUARTER_US // 1_000_000, "deployments": found})


def _line(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _deployments(request: web.Request) -> list[str]:
    """Those that are asked for, else all that are known."""
    book = request.app[SERVICE].book
    return request.query.getall("deployment", sorted(book.deployments) if book else [])


def _row(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: row[_DIMENSIONS[name]] for name in names} | {
        "attempts": row["attempts"],
        "unpricedAttempts": row["unpriced"],
        "inputTokens": row["input_tokens"],
        "cachedInputTokens": row["cached_tokens"],
        "outputTokens": row["output_tokens"],
        "reasoningTokens": row["reasoning_tokens"],
        "costMicros": row["cost_micros"],
        "cost": money.text(cast("int", row["cost_micros"])),
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "requests": figures.requests,
        "eligible": figures.eligible,
        "good": figures.good,
        "attainmentPercent": round(100 * figures.good / figures.eligible, 4) if figures.eligible else None,
        "inputTokens": figures.input_tokens,
        "outputTokens": figures.output_tokens,
        "ttftMilliseconds": _percentiles(figures.ttft),
        "tpotMilliseconds": _percentiles(figures.tpot),
    }


def _percentiles(sketch: Sketch) -> dict[str, Any]:
    values = {name: sketch.quantile(share) for name, share in _QUANTILES.items()}
    return {"count": sketch.count} | {
        name: None if value is None else round(value / 1000, 3) for name, value in values.items()
    }


def _time(time_us: int) -> str:
    return instant(time_us).isoformat().replace("+00:00", "Z")
