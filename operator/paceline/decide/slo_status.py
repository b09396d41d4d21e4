"""`status.slo`: the figures that are shown, and when they move."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from paceline.api.conditions import parse_stamp, stamp
from paceline.decide import figures
from paceline.decide.front import Front, Met
from paceline.decide.observation import LatencyView

Block = dict[str, Any]

#: Live figures are written at most this often.
FIGURES = timedelta(seconds=60)
GATEWAY, ENGINE = "Gateway", "Engine"
_PERCENTILES = ("ttftMilliseconds", "tpotMilliseconds")
#: A share moved when what it lacks of 100 changed by more than a tenth, and by more than this.
_STEADY = Decimal("0.1")


def slo(
    before: object, front: Front, latency: LatencyView | None, now: datetime, *, objective: bool, turned: bool
) -> Block | None:
    """The figures to show: the old ones until 60 s have passed and one of them has moved by more than a tenth.

    Once a Gateway serves the model they are the ledger's, which knows what users met; else the engines' own.

    Args:
        before: The block that is shown; whatever a tenant may have forged.
        front: Where users ask, and what they met.
        latency: What the engines measured lately.
        now: With a time zone.
        objective: There is one, so that the share of requests that met it says something.
        turned: Another verdict was come to, so its figures are shown too.
    """
    old = dict(before) if isinstance(before, Mapping) else None
    counted = old is not None and old.get("source") == GATEWAY
    if front.url or (counted and not front.known):
        if front.met is None or not front.met.eligible:
            return old
        return _shown(old, _of_users(front.met, objective=objective), now, turned=turned)
    if latency is None:
        return None if counted else old
    return _shown(old, _of_engines(latency), now, turned=False)


def attainment(met: Met) -> str:
    """The share of good requests in percent, rounded down: what misses the objective never looks as if it met it."""
    hundredths = 10_000 * met.good // met.eligible
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def _of_users(met: Met, *, objective: bool) -> Block:
    blocks = {name: _rounded(values) for name, values in zip(_PERCENTILES, (met.ttft, met.tpot), strict=True) if values}
    return {
        "observedTime": stamp(met.time),
        "source": GATEWAY,
        "requests": met.eligible,
        **({"attainmentPercent": attainment(met)} if objective else {}),
        **blocks,
    }


def _rounded(values: Mapping[str, float]) -> dict[str, str]:
    return {name: figures.two_digits(value) for name, value in values.items()}


def _of_engines(latency: LatencyView) -> Block:
    blocks = {
        name: figures.milliseconds(histogram)
        for name, histogram in zip(_PERCENTILES, (latency.ttft, latency.tpot), strict=True)
    }
    return {
        "observedTime": stamp(latency.time),
        "source": ENGINE,
        "requests": latency.requests,
        **{name: block for name, block in blocks.items() if block},
    }


def _shown(old: Block | None, new: Block, now: datetime, *, turned: bool) -> Block:
    if old is None or turned or old.get("source") != new["source"]:
        return new
    since = parse_stamp(old.get("observedTime"))
    # A time that lies ahead (forged, or of another clock) must not stop the figures for ever.
    early = since is not None and timedelta(0) <= now - since < FIGURES
    return new if not early and _moved(old, new) else old


def _moved(old: Block, new: Block) -> bool:
    for name in _PERCENTILES:
        shown, block = old.get(name), new.get(name)
        if block and not isinstance(shown, Mapping):
            return True
        if block and isinstance(shown, Mapping) and any(figures.moved(shown.get(k), v) for k, v in block.items()):
            return True
    share = new.get("attainmentPercent")
    return share is not None and _share_moved(old.get("attainmentPercent"), share)


def _share_moved(before: object, now: str) -> bool:
    if not figures.readable(before):
        return True
    lacked, lacks = 100 - Decimal(str(before)), 100 - Decimal(now)
    return abs(lacks - lacked) > max(figures.MOVED * abs(lacked), _STEADY)
