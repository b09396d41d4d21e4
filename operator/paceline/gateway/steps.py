"""In which order the proxy's files are exchanged, so that no request meets a half of a change."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

CLUSTERS, ROUTES, LISTENERS = "cds.json", "rds.json", "lds.json"
#: These refer to all others, and each to those before it; the last is read when a proxy starts.
_ORDERED = (CLUSTERS, ROUTES, LISTENERS, "bootstrap.json")
_FILES = re.compile(r"/(eds/[A-Za-z0-9._-]+\.json)")
_ENDPOINTS = re.compile(r"eds/[A-Za-z0-9._-]+\.json")


@dataclass(frozen=True, slots=True)
class Step:
    """Files that may be exchanged at once; the proxy must have taken them before the next step.

    Attributes:
        write: Texts by place.
        remove: Places of files that nothing names any more.
    """

    write: Mapping[str, str] = field(default_factory=dict, repr=False)
    remove: tuple[str, ...] = ()


def steps(old: Mapping[str, str], new: Mapping[str, str]) -> list[Step]:
    """What is to be done, in order; nothing where nothing changes.

    Args:
        old: The files that are there, by place.
        new: Those that are to be there.
    """
    changed = {place: text for place, text in new.items() if old.get(place) != text}
    first = {place: text for place, text in changed.items() if place not in _ORDERED}
    found = [Step(first)]
    both = ""
    if CLUSTERS in changed and CLUSTERS in old:
        both = _both(old[CLUSTERS], changed[CLUSTERS])
    for place in _ORDERED:
        if place == CLUSTERS and both:
            found.append(Step({place: both} if both != old[place] else {}))
        elif place in changed:
            found.append(Step({place: changed[place]}))
    if both:
        found.append(Step({CLUSTERS: changed[CLUSTERS]}))
    found.append(Step(remove=tuple(sorted(old.keys() - new.keys()))))
    return [each for each in found if each.write or each.remove]


def endpoints(files: Mapping[str, str]) -> frozenset[str]:
    """Places of addresses that the clusters name, as files or on a stream: no cluster begins without its own."""
    return frozenset(_ENDPOINTS.findall(files.get(CLUSTERS, "")))


def watched(files: Mapping[str, str]) -> frozenset[str]:
    """Those of them that the proxy reads from files."""
    return frozenset(_FILES.findall(files.get(CLUSTERS, "")))


def _both(old: str, new: str) -> str:
    """New clusters, and those that go, which routes may still name; "" where none goes.

    It is the old text where nothing but going happens.
    """
    before, after = _by_name(old), _by_name(new)
    going = {name: each for name, each in before.items() if name not in after}
    if not going:
        return ""
    if all(before.get(name) == each for name, each in after.items()):
        return old
    return json.dumps({"resources": [*after.values(), *going.values()]})


def _by_name(text: str) -> dict[str, object]:
    return {each["name"]: each for each in json.loads(text)["resources"]}
