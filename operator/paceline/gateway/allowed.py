"""Which hosts the administrator lets gateways ask."""

from __future__ import annotations

from collections.abc import Iterable


def allows(patterns: Iterable[str], host: str) -> bool:
    """Whether one of some patterns is for a host: its name, *.example.com for all below it, * for every one."""
    return any(each in {"*", host} or (each.startswith("*.") and host.endswith(each[1:])) for each in patterns)


def listed(patterns: Iterable[str]) -> str:
    """For messages."""
    return ", ".join(patterns) or "none"
