"""Whether an object that was told of is still there, for whoever is about to make its children anew."""

from __future__ import annotations

from paceline.errors import Conflict
from paceline.kube.cache import Cache, Owner
from paceline.kube.client import Api
from paceline.kube.resources import Key


async def lives(api: Api, cache: Cache, key: Key, owner: Owner) -> bool:
    """Whether an object that had its children is still there; what is there now is remembered.

    Where its deletion was not told, the garbage collector takes its children, and each one that was made again would
    be taken again: ten times in five seconds, until the resync notices.

    Raises:
        Conflict: another object has its name.
    """
    live = await api.get(cache.family.itself, key.namespace, key.name)
    if live is None:
        cache.drop_owner(key, owner.uid)
        return False
    now_there = Owner.parse(live)
    if now_there.uid == owner.uid:
        return not now_there.deleting
    cache.put_owner(key, now_there)
    raise Conflict("Conflict", f"{key} was deleted and made anew")
