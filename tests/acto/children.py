"""What a model's children are made of, without what differs from one write to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from paceline.api import quantity
from paceline.api.names import LABEL_REVISION, LABEL_SOURCES
from tests.acto.crd import Schema

Json = dict[str, Any]
#: Of metadata, what the operator says; all else is the API server's.
_SAID = ("name", "labels", "annotations")
#: Annotations by which controllers remember.
_REMEMBERED = ("paceline.dev/applied-digest", "deployment.kubernetes.io/revision")
#: Kinds that only look up a model's files; they are removed when there is a revision.
LOOKUP = ("NetworkPolicy", "Job")


def picture(children: Iterable[Mapping[str, Any]], *, live: bool = False) -> Json:
    """Children by kind. Of the kept revisions, the one that the Deployment runs, without the echo of the spec.

    Two intents can come to the same template, and so to the same label; then it is the later one. The Job that looks
    up files is shown by what it does, without the digests of it in its name and labels. A live one is gone when there
    is a revision; what it was asked then stands in the revision, as a digest.
    """
    every = sorted(children, key=lambda child: child.get("revision", 0))
    deployment = next((child for child in every if child["kind"] == "Deployment"), None)
    running = deployment["spec"]["template"]["metadata"]["labels"].get(LABEL_REVISION) if deployment else None
    shown: Json = {}
    for child in every:
        if live and child["kind"] in LOOKUP:
            continue
        if child["kind"] == "Job":
            shown["Job"] = _undigested(child)
        elif child["kind"] != "ControllerRevision":
            shown[f"{child['kind']} {child['metadata']['name']}"] = _bare(child)
        elif child["metadata"]["labels"].get(LABEL_REVISION) == running:
            asked = {"request": child["data"].get("sources", {}).get("request")} if live else {}
            shown["ControllerRevision"] = {"effective": child["data"]["effective"], **asked}
    return shown


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Where two pictures differ, each with what stands there."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = sorted(before.keys() | after.keys())
        return [each for key in keys for each in differences(before.get(key), after.get(key), f"{path}.{key}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [each for index, (a, b) in pairs for each in differences(a, b, f"{path}[{index}]")]
    return [] if before == after else [f"{path.strip('.')}: {_short(before)} → {_short(after)}"]


def meant(value: Any, schema: Schema) -> Any:
    """A stored spec without what means the same as nothing: defaults, empty parts, other spellings of a quantity."""
    if schema.get("x-kubernetes-int-or-string"):
        return _canonical(value)
    if isinstance(value, Mapping) and "properties" in schema:
        known = schema["properties"]
        parts = {key: meant(each, known.get(key, {})) for key, each in value.items()}
        defaults = {key: meant(child["default"], child) for key, child in known.items() if "default" in child}
        return {key: each for key, each in parts.items() if each not in ("", {}, [], None, defaults.get(key))}
    if isinstance(value, Mapping):
        return {key: meant(each, schema.get("additionalProperties", {})) for key, each in value.items()}
    if isinstance(value, list):
        return [meant(each, schema.get("items", {})) for each in value]
    return value


def _canonical(value: Any) -> Any:
    try:
        return quantity.canonical(value)
    except ValueError:
        return value


def _bare(child: Mapping[str, Any]) -> Json:
    bare = {key: value for key, value in child.items() if key not in ("metadata", "status")}
    metadata = {key: child["metadata"][key] for key in _SAID if child["metadata"].get(key)}
    notes = {key: value for key, value in metadata.get("annotations", {}).items() if key not in _REMEMBERED}
    return {**bare, "metadata": {**metadata, "annotations": notes}}


def _undigested(job: Mapping[str, Any]) -> Json:
    template = job["spec"]["template"]
    labels = {key: value for key, value in template["metadata"]["labels"].items() if key != LABEL_SOURCES}
    return {"labels": labels, "pod": template["spec"]}


def _short(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 120 else f"{text[:119]}…"
