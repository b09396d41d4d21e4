"""A revision: what one intent came to, kept so that it is applied as it was, whatever a later release would render."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from paceline.api.digest import digest, short
from paceline.api.names import LABEL_REVISION
from paceline.api.spec import Spec

#: Security context of every container.
CONTAINED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
_POD = {
    "affinity", "automountServiceAccountToken", "containers", "enableServiceLinks", "imagePullSecrets",
    "initContainers", "nodeSelector", "priorityClassName", "securityContext", "serviceAccountName",
    "terminationGracePeriodSeconds", "tolerations", "volumes",
}  # fmt: skip
_CONTAINER = {
    "args", "command", "env", "image", "lifecycle", "livenessProbe", "name", "ports", "readinessProbe", "resources",
    "securityContext", "startupProbe", "terminationMessagePolicy", "volumeMounts",
}  # fmt: skip
_EFFECTIVE = {"type": str, "image": str, "command": list, "args": list}

#: What of a spec makes a revision. The rest (replicas, how to roll) changes nothing in a pod.
INTENT = ("model", "hardware", "engine", "lifecycle", "template")


def intent_of(spec: Spec) -> dict[str, Any]:
    """The part of a spec that pods are made from, without what equals a default.

    Defaults are left out so that a release which adds a field does not make every spec a new intent.
    """
    return spec.model_dump(mode="json", by_alias=True, include=set(INTENT), exclude_defaults=True)


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a ModelDeployment, as its ControllerRevision holds it.

    Attributes:
        name: Of the ControllerRevision.
        number: Rises with each change; the highest one is in force.
        intent: Digest of `intent_of` the spec.
        label: Value of paceline.dev/revision on its pods: the digest of its template.
        text: JSON object of spec (the intent), template (of the pods) and effective. Text, because a thousand parsed
            ones are ten times as large.
    """

    name: str
    number: int
    intent: str
    label: str
    text: bytes

    @classmethod
    def make(cls, owner: str, spec: Spec, template: Mapping[str, Any], effective: Mapping[str, Any]) -> Self:
        """A revision that is not stored yet; its number is 0.

        Args:
            owner: Name of the children.
            spec: What the user asks for.
            template: Of the pods, labelled.
            effective: What status.effective shows of it.
        """
        intent = intent_of(spec)
        return cls(
            name=f"{owner}-{short([intent, template])}",
            number=0,
            intent=digest(intent),
            label=template["metadata"]["labels"][LABEL_REVISION],
            text=_text({"spec": intent, "template": template, "effective": effective}),
        )

    @classmethod
    def parse(cls, obj: Mapping[str, Any]) -> Self | None:
        """Read a ControllerRevision; None where its data is none of ours.

        Whoever may write ControllerRevisions in a namespace could hand us a template to apply with our rights. So only
        what could have come from here is read: name, label and content must agree, and nothing in it may take rights.
        """
        data, name = obj.get("data") or {}, obj["metadata"]["name"]
        try:
            spec, template, effective = data["spec"], data["template"], data["effective"]
            label = template["metadata"]["labels"][LABEL_REVISION]
            ours = (
                name.endswith(f"-{short([spec, template])}")
                and label == short(unlabelled(template))
                and isinstance(effective["port"], int)
                and all(isinstance(effective[each], kind) for each, kind in _EFFECTIVE.items())
                and harmless(template["spec"], name.rpartition("-")[0])
            )
        except (TypeError, KeyError, AttributeError, ValueError):
            return None
        if not ours:
            return None
        return cls(name=name, number=obj.get("revision", 0), intent=digest(spec), label=label, text=_text(data))

    @property
    def data(self) -> dict[str, Any]:
        """spec, template and effective, parsed."""
        parsed: dict[str, Any] = json.loads(self.text)
        return parsed

    @property
    def fingerprint(self) -> str:
        """Digest of what answers: the model, and the program with its arguments. Where it runs is not in it."""
        data = self.data
        model, effective = data["spec"]["model"], data["effective"]
        return digest([model, *(effective[name] for name in ("type", "image", "command", "args"))])


def unlabelled(template: Mapping[str, Any]) -> dict[str, Any]:
    """A template without the label that is its own digest."""
    labels = {key: value for key, value in template["metadata"]["labels"].items() if key != LABEL_REVISION}
    return {**template, "metadata": {**template["metadata"], "labels": labels}}


def harmless(pod: Mapping[str, Any], account: str) -> bool:
    """Whether a pod has nothing beyond what is ever rendered here.

    Args:
        pod: Spec of the pod.
        account: The one ServiceAccount that it may have.
    """
    containers = [*pod["containers"], *pod.get("initContainers", ())]
    return (
        pod.keys() <= _POD
        and pod["serviceAccountName"] == account
        and pod["automountServiceAccountToken"] is False
        and pod["securityContext"]["runAsNonRoot"] is True
        and all(volume.keys() == {"name", "emptyDir"} for volume in pod["volumes"])
        and all(each.keys() <= _CONTAINER and each["securityContext"] == CONTAINED for each in containers)
    )


def _text(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()
