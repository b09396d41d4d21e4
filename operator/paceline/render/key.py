"""The Secret with the key of an engine: its shell, which is pure, and how a pod mounts it.

What is random in it is made where it is sent (kube.keys).
"""

from __future__ import annotations

from collections.abc import Iterable

from paceline.api.modeldeployment import ModelDeployment
from paceline.api.names import ENGINE_KEY, key_secret
from paceline.engines.base import EnginePlan
from paceline.engines.key import FOLDER
from paceline.render.labels import Manifest


def engine_key(md: ModelDeployment, children: Iterable[Manifest]) -> Manifest | None:
    """The Secret without its content; None where no pod of these children mounts it."""
    described = next((one["metadata"] for one in children if one["kind"] == "Deployment" and _locked(one)), None)
    if described is None:
        return None
    metadata = {**described, "name": key_secret(md.name)}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "immutable": True}


def add_key(spec: Manifest, md: ModelDeployment, plan: EnginePlan) -> None:
    """Mount the one file that the engine reads, for the pod's group (fsGroup) alone.

    The last words of an engine become a condition's message. vLLM and SGLang write their arguments, with the key, into
    their log, so it must not be read for them.
    """
    items = [{"key": plan.key_file, "path": plan.key_file}]
    secret = {"secretName": key_secret(md.name), "items": items, "defaultMode": 0o440}
    spec["volumes"].append({"name": ENGINE_KEY, "secret": secret})
    (container,) = spec["containers"]
    container["volumeMounts"].append({"name": ENGINE_KEY, "mountPath": FOLDER, "readOnly": True})
    container["terminationMessagePolicy"] = "File"


def _locked(deployment: Manifest) -> bool:
    return any(volume["name"] == ENGINE_KEY for volume in deployment["spec"]["template"]["spec"]["volumes"])
