"""Does a live object already say what we would apply? Pure; used once per child after a restart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def covers(live: object, wanted: object) -> bool:
    """True when every field of `wanted` has the same value in `live`, which may hold more.

    A wrong False costs one needless apply, a wrong True would leave a difference standing. So lists are compared
    strictly: those whose items all have a name (containers, ports, volumes, env) or a uid (owner references) by that
    key, all others item by item.
    """
    if isinstance(wanted, Mapping):
        if not isinstance(live, Mapping):
            return not wanted and live is None
        return all(covers(live.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        if not isinstance(live, Sequence) or isinstance(live, str):
            return not wanted and live is None
        return _covers_list(live, wanted)
    if wanted is None:
        return live is None
    # bool is an int in Python: True == 1 would hide a difference.
    return type(live) is type(wanted) and live == wanted


def _covers_list(live: Sequence[object], wanted: Sequence[object]) -> bool:
    for key in ("name", "uid"):
        names = _by(wanted, key)
        if names:
            found = _by(live, key) or {}
            return all(covers(found.get(name), item) for name, item in names.items())
    return len(live) == len(wanted) and all(covers(a, b) for a, b in zip(live, wanted, strict=True))


def _by(items: Sequence[object], key: str) -> dict[object, object] | None:
    """The items by that key, or None when one lacks it or two share it."""
    found: dict[object, object] = {item.get(key): item for item in items if isinstance(item, Mapping)}
    return found if len(found) == len(items) and None not in found else None
