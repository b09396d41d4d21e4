"""Who gets copies of a route's requests."""

from __future__ import annotations

from dataclasses import replace

from paceline.api.route_spec import Route as Entry
from paceline.gateway.backends import parts
from paceline.gateway.ir import MIRROR, Cluster
from paceline.gateway.surroundings import Surroundings


def copied(entry: Entry, around: Surroundings) -> Cluster | None:
    """The servers that get copies; of several revisions the one with the largest share. None: nobody does.

    They are a cluster of their own, so that its counters and its lines in the log are of copies alone.

    Raises:
        Unresolved: the backend cannot be had.
    """
    wanted = entry.mirror
    backend = next((each for each in entry.backends if wanted and each.name == wanted.backend), None)
    if backend is None:
        return None
    cluster = max(parts(entry, backend, around), key=lambda each: each.percent).cluster
    return replace(cluster, name=f"{cluster.name}{MIRROR}")
