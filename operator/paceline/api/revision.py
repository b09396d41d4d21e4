"""A revision: what one intent came to, kept so that it is applied as it was, whatever a later release would render."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from paceline.api.digest import digest, short
from paceline.api.names import LABEL_REVISION, key_secret
from paceline.api.resolved import Resolved
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
INTENT = ("model", "hardware", "parallelism", "engine", "adapters", "lifecycle", "template")


def intent_of(spec: Spec) -> dict[str, Any]:
    """The part of a spec that pods are made from, without what equals a default.

    Defaults are left out so that a release which adds a field does not make every spec a new intent. Of the kinds of
    exposure only the one with a key is another pod.
    """
    wanted = {*INTENT, *(["exposure"] if spec.locked else [])}
    return spec.model_dump(mode="json", by_alias=True, include=wanted, exclude_defaults=True)


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a ModelDeployment, as its ControllerRevision holds it.

    Attributes:
        name: Of the ControllerRevision.
        number: Rises with each change; the highest one is in force.
        intent: Digest of `intent_of` the spec.
        label: Value of paceline.dev/revision on its pods: the digest of its template.
        text: JSON object of spec (the intent), template (of the pods), effective and, for a model of files, sources.
            Text, because a thousand parsed ones are ten times as large.
        request: Digest of the sources that were looked up for it; "" for none.
    """

    name: str
    number: int
    intent: str
    label: str
    text: bytes
    request: str = ""

    @classmethod
    def make(
        cls,
        owner: str,
        spec: Spec,
        template: Mapping[str, Any],
        effective: Mapping[str, Any],
        sources: Mapping[str, Any] | None = None,
    ) -> Self:
        """A revision that is not stored yet; its number is 0.

        Args:
            owner: Name of the children.
            spec: What the user asks for.
            template: Of the pods, labelled.
            effective: What status.effective shows of it.
            sources: request and, for each source by its name, what it was found to be; None for a model without files.
        """
        intent = intent_of(spec)
        data = {"spec": intent, "template": template, "effective": effective}
        return cls(
            name=f"{owner}-{short([intent, template])}",
            number=0,
            intent=digest(intent),
            label=template["metadata"]["labels"][LABEL_REVISION],
            text=_text(data | ({"sources": sources} if sources else {})),
            request=sources["request"] if sources else "",
        )

    @classmethod
    def parse(cls, obj: Mapping[str, Any]) -> Self | None:
        """Read a ControllerRevision; None where its data is none of ours.

        Whoever may write ControllerRevisions in a namespace could hand us a template to apply with our rights. So only
        what could have come from here is read: name, label and content must agree, and nothing in it may take rights.
        """
        data, name = obj.get("data") or {}, obj["metadata"]["name"]
        account = name.rpartition("-")[0]
        try:
            spec, template, effective = data["spec"], data["template"], data["effective"]
            label = template["metadata"]["labels"][LABEL_REVISION]
            ours = (
                name.endswith(f"-{short([spec, template])}")
                and label == short(unlabelled(template))
                and isinstance(effective["port"], int)
                and all(isinstance(effective[each], kind) for each, kind in _EFFECTIVE.items())
                and harmless(template["spec"], account, mountable(spec, account))
            )
            request = _request(data.get("sources"))
        except (TypeError, KeyError, AttributeError, ValueError):
            return None
        if not ours:
            return None
        return cls(
            name=name,
            number=obj.get("revision", 0),
            intent=digest(spec),
            label=label,
            text=_text(data),
            request=request,
        )

    @property
    def data(self) -> dict[str, Any]:
        """spec, template and effective, parsed; shared, so not to be changed."""
        return _parsed(self.text)

    @property
    def found(self) -> dict[str, Resolved]:
        """What each source was found to be, by its name."""
        return {
            name: Resolved.model_validate(one) for name, one in self.data.get("sources", {}).get("found", {}).items()
        }

    @property
    def fingerprint(self) -> str:
        """Digest of what answers: the model, and the program with its arguments. Where it runs is not in it."""
        data = self.data
        model, effective = data["spec"]["model"], data["effective"]
        commits = {name: one["commit"] for name, one in data.get("sources", {}).get("found", {}).items()}
        adapters = data["spec"].get("adapters", [])
        return digest([model, adapters, commits, *(effective[name] for name in ("type", "image", "command", "args"))])


@lru_cache(maxsize=32)
def _parsed(text: bytes) -> dict[str, Any]:
    """One look reads its revision four times; 32 are more than are looked at together (16 workers)."""
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def unlabelled(template: Mapping[str, Any]) -> dict[str, Any]:
    """A template without the label that is its own digest."""
    labels = {key: value for key, value in template["metadata"]["labels"].items() if key != LABEL_REVISION}
    return {**template, "metadata": {**template["metadata"], "labels": labels}}


def mountable(spec: Mapping[str, Any], account: str) -> frozenset[tuple[str, str]]:
    """Secrets and claims that pods of this spec may mount, as (kind of volume, name).

    Args:
        spec: What pods are made from.
        account: Of the pods; it has the owner's name, and a digest.
    """
    model = spec["model"]
    blocks = [model, *spec.get("adapters", ())]
    shared = (model.get("cache") or {}).get("sharedVolume") or {}
    claims = [one["uri"].removeprefix("pvc://").partition("/")[0] for one in blocks if one["uri"].startswith("pvc://")]
    secrets = [one["secretRef"]["name"] for one in blocks if one.get("secretRef")]
    if spec.get("exposure"):
        secrets.append(key_secret(account.rpartition("-")[0]))
    return frozenset(
        [
            *(("persistentVolumeClaim", name) for name in (*claims, *shared.values())),
            *(("secret", name) for name in secrets),
        ]
    )


def _mounts(volume: Mapping[str, Any]) -> tuple[str, str]:
    """Kind and name of what a volume brings in; ("emptyDir", "") for one that brings nothing."""
    kind = next(key for key in volume if key != "name")
    block = volume[kind]
    return kind, str(block.get("claimName") or block.get("secretName") or "")


def _request(sources: Mapping[str, Any] | None) -> str:
    """Digest of what was looked up.

    Raises:
        ValueError: what was found is none of ours.
    """
    if sources is None:
        return ""
    for one in sources["found"].values():
        Resolved.model_validate(one)
    return str(sources["request"])


def harmless(pod: Mapping[str, Any], account: str, mountable: Collection[tuple[str, str]] = ()) -> bool:
    """Whether a pod has nothing beyond what is ever rendered here.

    Args:
        pod: Spec of the pod.
        account: The one ServiceAccount that it may have.
        mountable: Secrets and claims that it may mount.
    """
    allowed = {("emptyDir", ""), *mountable}
    containers = [*pod["containers"], *pod.get("initContainers", ())]
    return (
        pod.keys() <= _POD
        and pod["serviceAccountName"] == account
        and pod["automountServiceAccountToken"] is False
        and pod["securityContext"]["runAsNonRoot"] is True
        and all(len(volume) == 2 and _mounts(volume) in allowed for volume in pod["volumes"])
        and all(each.keys() <= _CONTAINER and each["securityContext"] == CONTAINED for each in containers)
    )


def _text(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()
