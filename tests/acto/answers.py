"""What a lookup of a model's files finds, where no source is asked: the same for every model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from paceline.api.names import FETCH_ROLE
from paceline.api.resolved import Resolved
from paceline.api.source import Report, Source
from tests.support.models import COMMIT, resolved

_SOURCE = "--source="
#: Longest sequence that every model of these was made for.
CONTEXT_TOKENS = 32768


def report(pod_spec: Mapping[str, Any]) -> str:
    """The last words of a pod that looks up: what it was asked for was found."""
    (container,) = (each for each in pod_spec["containers"] if each["name"] == FETCH_ROLE)
    found = {source.name: _found(source) for source in _sources(container["args"])}
    return Report(found=found).model_dump_json(by_alias=True, exclude_none=True)


def status(pod_spec: Mapping[str, Any]) -> dict[str, Any]:
    """The status of such a pod once it has ended, as a kubelet writes it."""
    times = {"startedAt": "2026-11-24T12:00:00Z", "finishedAt": "2026-11-24T12:00:01Z"}
    state = {"terminated": {"exitCode": 0, "reason": "Completed", "message": report(pod_spec), **times}}
    container = {"name": FETCH_ROLE, "image": "fetch", "imageID": "", "ready": False, "restartCount": 0, "state": state}
    return {"phase": "Succeeded", "containerStatuses": [container]}


def answered(pod: Mapping[str, Any]) -> bool:
    """Whether it has said its last words. The machines of kwok end such a pod too, without any."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return any((one.get("state") or {}).get("terminated", {}).get("message") for one in statuses)


def _sources(arguments: list[str]) -> Iterator[Source]:
    for argument in arguments:
        if argument.startswith(_SOURCE):
            yield Source.model_validate(json.loads(argument.removeprefix(_SOURCE)))


def _found(source: Source) -> Resolved:
    """A repository has commits, all else a digest; what lies on a volume does not say how large it is."""
    commit = COMMIT if source.uri.startswith("hf://") else f"sha256:{'a' * 64}"
    if source.name != "base":
        return resolved(commit=commit, bytes=1_000_000, weightBytes=900_000, parameters=450_000, shape=None)
    if source.uri.startswith("file://"):
        return resolved(commit=commit, weightBytes=0, parameters=None, dtype="")
    return resolved(commit=commit)
