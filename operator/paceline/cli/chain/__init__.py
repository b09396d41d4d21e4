"""The chain from a manifest to an answering model: pure functions of what the API server says.

Each link is a function of the whole view, in the order in which things happen. A link looks only at what the
links before it let through, so the first one that does not hold is the cause and the later ones its consequences.
"""

from __future__ import annotations

from collections.abc import Callable

from paceline.cli.chain import files, objects, pods, traffic
from paceline.cli.chain.view import Link, State, View

CHECKS: tuple[Callable[[View], Link], ...] = (
    objects.spec,
    objects.accepted,
    objects.profile,
    *files.CHECKS,
    objects.deployment,
    objects.replicaset,
    *pods.CHECKS,
    traffic.answers,
    traffic.service,
)


def chain(view: View) -> tuple[Link, ...]:
    """All links, from the manifest to the Service."""
    return tuple(check(view) for check in CHECKS)


def weakest(links: tuple[Link, ...]) -> Link | None:
    """The link to look at first: the first that failed, else the first that waits, else None."""
    for state in (State.FAILED, State.WAITING):
        for link in links:
            if link.state is state:
                return link
    return None


__all__ = ["CHECKS", "Link", "State", "View", "chain", "weakest"]
