"""Requests to an API server, in the words of its authorisation: verb, resource, name."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_OF_NAMESPACES = {"status", "finalize"}  # subresources of namespaces themselves
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass
class Call:
    """One request.

    Attributes:
        verb: get, list, watch, create, update, patch, delete, deletecollection.
        resource: Plural; empty for what is no resource (discovery, health).
        at: Reading of CLOCK_MONOTONIC when it came.
        status: What was answered; 0 as long as, or because, nothing was.
        upstream: Whether the API server got to see it.
        fault: The kind of the rule's action that struck it; empty for none.
    """

    verb: str
    path: str
    query: Mapping[str, str]
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    at: float = field(default_factory=time.monotonic)
    status: int = 0
    upstream: bool = False
    fault: str = ""

    @classmethod
    def parse(cls, method: str, path: str, query: Mapping[str, str]) -> Call:
        """A request from its line."""
        group, rest = _split(path)
        namespace = ""
        if len(rest) >= 3 and rest[0] == "namespaces" and rest[2] not in _OF_NAMESPACES:
            namespace, rest = rest[1], rest[2:]
        resource, name, subresource = (*rest[:3], "", "", "")[:3]
        verb = _VERBS.get(method, method.lower())
        if method == "GET":
            verb = "watch" if query.get("watch") in {"true", "1"} else "get" if name or not resource else "list"
        elif method == "DELETE" and not name:
            verb = "deletecollection"
        return cls(verb, path, query, group, resource, namespace, name, subresource)

    @property
    def write(self) -> bool:
        """True when it asks for a change."""
        return self.verb in WRITES


Which = Callable[[Call], bool]


def _split(path: str) -> tuple[str, list[str]]:
    """API group and the segments after the version."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"]:
        return "", parts[2:]
    if parts[:1] == ["apis"] and len(parts) > 3:
        return parts[1], parts[3:]
    return "", []


def calls(
    *verbs: str, of: str | Collection[str] = (), subresource: str | None = None, name: str | None = None
) -> Which:
    """Selects calls by verb and resource; what is left out matches all."""
    resources = {of} if isinstance(of, str) else set(of)

    def which(call: Call) -> bool:
        return (
            (not verbs or call.verb in verbs)
            and (not resources or call.resource in resources)
            and (subresource is None or call.subresource == subresource)
            and (name is None or call.name == name)
        )

    return which


def writes(call: Call) -> bool:
    """Changes of anything but the Lease and Events: those are allowed to who does not lead, or tell nothing."""
    return call.write and call.resource not in {"leases", "events"}
