"""What a watch event says, already made slim by the thread that read it."""

from __future__ import annotations

from typing import NamedTuple

from paceline.kube.cache import Cache, Child, Owner
from paceline.kube.family import Family
from paceline.kube.resources import CONFIGMAPS, ENDPOINTSLICES, Key, Resource


class Hint(NamedTuple):
    """Something changed.

    Attributes:
        family: Of the kind that it is about.
        item: The object as the event had it; its last state when it is gone.
    """

    family: Family
    resource: Resource
    key: Key
    item: Owner | Child
    gone: bool


def take(cache: Cache, hint: Hint) -> tuple[Key, bool] | None:
    """Correct the cache by a hint.

    Returns:
        The owner to look at, and whether at once: it itself changed, or what the leader says of it. Other children
        change in bursts. None: no news.
    """
    if isinstance(hint.item, Owner):
        news = cache.drop_owner(hint.key, hint.item.uid) if hint.gone else cache.put_owner(hint.key, hint.item)
        return (hint.key, True) if news else None
    if hint.gone:
        news = cache.drop(hint.resource, hint.key, hint.item.uid) is not None
    else:
        news = cache.put(hint.resource, hint.key, hint.item)
    # Slices are kept for those who route; a decision reads the same from the pods.
    return (hint.item.owner, hint.resource is CONFIGMAPS) if news and hint.resource is not ENDPOINTSLICES else None
