"""The columns of `paceline get`, for each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from paceline.cli.kinds import CONSUMER, GATEWAY, MODELDEPLOYMENT, Kind


@dataclass(frozen=True, slots=True)
class Columns:
    """How objects of a kind are listed.

    Attributes:
        heads: Of the columns, without the namespace.
        cells: Of one object, given with the time in seconds since the epoch; "" where there is nothing.
    """

    heads: tuple[str, ...]
    cells: Callable[[Mapping[str, Any], float], tuple[str, ...]]

    def row(self, obj: Mapping[str, Any], now: float) -> tuple[str, ...]:
        """One line of the table, namespace first.

        Args:
            obj: An object as the API server gives it.
            now: Seconds since the epoch, for the age.
        """
        metadata = obj["metadata"]
        cells = (*self.cells(obj, now), age(metadata.get("creationTimestamp"), now))
        return (metadata["namespace"], metadata["name"], *(cell or "-" for cell in cells))


def _state(obj: Mapping[str, Any], kind: str, part: str = "status") -> str:
    conditions = {c["type"]: c for c in (obj.get("status") or {}).get("conditions") or []}
    return str(conditions.get(kind, {}).get(part, "Unknown" if part == "status" else ""))


def _display(obj: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    display = (obj.get("status") or {}).get("display") or {}
    return tuple(str(display.get(name) or "") for name in names)


def _modeldeployment(obj: Mapping[str, Any], _now: float) -> tuple[str, ...]:
    figures = _display(obj, "replicas", "ttftP95", "tpotP95", "attainment", "costPerHour")
    return (_state(obj, "Ready"), _state(obj, "Available"), _state(obj, "Ready", "reason"), *figures)


def _gateway(obj: Mapping[str, Any], _now: float) -> tuple[str, ...]:
    status = obj.get("status") or {}
    routes = status.get("routes") or {}
    bad = len(routes.get("unhealthy") or ())
    counted = str(routes.get("total", "")) + (f" ({bad} unhealthy)" if bad else "")
    states = (_state(obj, "Ready"), _state(obj, "Programmed"), _state(obj, "Ready", "reason"))
    return (*states, *_display(obj, "pods"), counted, str(status.get("address") or ""))


def _consumer(obj: Mapping[str, Any], _now: float) -> tuple[str, ...]:
    spec = obj["spec"]
    suspended = str(bool(spec.get("suspended"))).lower()
    states = (_state(obj, "Ready"), _state(obj, "WithinBudget"), _state(obj, "Ready", "reason"))
    return (*states, str(spec.get("audience", "External")), *_display(obj, "spent", "budget"), suspended)


_BY_KIND: dict[Kind, Columns] = {
    MODELDEPLOYMENT: Columns(
        ("NAME", "READY", "AVAILABLE", "REASON", "REPLICAS", "TTFT-P95", "TPOT-P95", "SLO%", "COST/H", "AGE"),
        _modeldeployment,
    ),
    GATEWAY: Columns(("NAME", "READY", "PROGRAMMED", "REASON", "PODS", "ROUTES", "ADDRESS", "AGE"), _gateway),
    CONSUMER: Columns(
        ("NAME", "READY", "WITHIN-BUDGET", "REASON", "AUDIENCE", "SPENT", "BUDGET", "SUSPENDED", "AGE"), _consumer
    ),
}


def columns_of(kind: Kind) -> Columns:
    """Those of a kind."""
    return _BY_KIND[kind]


def age(created: str | None, now: float) -> str:
    """Time since `created` in kubectl's short form: 45s, 12m, 3h, 9d."""
    if not created:
        return "-"
    seconds = max(0, int(now - datetime.fromisoformat(created).timestamp()))
    for size, unit, below in ((1, "s", 120), (60, "m", 7200), (3600, "h", 172_800)):
        if seconds < below:
            return f"{seconds // size}{unit}"
    return f"{seconds // 86_400}d"
