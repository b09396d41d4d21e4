"""spec.template.affinity: where pods run best or must run, as Kubernetes has it.

Terms about other pods look only into the model's own namespace: what runs in others is nobody's business here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from paceline.api.base import Model

_ATOMIC: dict[str, JsonValue] = {"x-kubernetes-list-type": "atomic"}
Key = Annotated[
    str, Field(max_length=317, pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
]
Value = Annotated[str, Field(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")]


class NodeRequirement(Model):
    """A test of one label of a node."""

    key: Key = Field(description="key is the label's key.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = Field(
        description="operator is how the label's value relates to values."
    )
    values: tuple[Value, ...] = Field(
        (), max_length=64, description="values are what the label is compared with.", json_schema_extra=_ATOMIC
    )


class NodeTerm(Model):
    """All of its tests must hold."""

    match_expressions: tuple[NodeRequirement, ...] = Field(
        min_length=1, max_length=16, description="matchExpressions are tests of labels.", json_schema_extra=_ATOMIC
    )


class NodeTerms(Model):
    """One of its terms must hold."""

    node_selector_terms: tuple[NodeTerm, ...] = Field(
        min_length=1, max_length=16, description="nodeSelectorTerms are alternatives.", json_schema_extra=_ATOMIC
    )


class PreferredNode(Model):
    """A wish about nodes."""

    weight: int = Field(ge=1, le=100, description="weight is how much the wish counts, 1 to 100.")
    preference: NodeTerm = Field(description="preference says which nodes are wished for.")


class NodeAffinity(Model):
    """nodeAffinity is about nodes."""

    required_during_scheduling_ignored_during_execution: NodeTerms | None = Field(
        None,
        alias="requiredDuringSchedulingIgnoredDuringExecution",
        description="requiredDuringSchedulingIgnoredDuringExecution must hold when a pod is placed.",
    )
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredNode, ...] = Field(
        (),
        alias="preferredDuringSchedulingIgnoredDuringExecution",
        max_length=16,
        description="preferredDuringSchedulingIgnoredDuringExecution are wishes.",
        json_schema_extra=_ATOMIC,
    )


class LabelRequirement(Model):
    """A test of one label of a pod."""

    key: Key = Field(description="key is the label's key.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(
        description="operator is how the label's value relates to values."
    )
    values: tuple[Value, ...] = Field(
        (), max_length=64, description="values are what the label is compared with.", json_schema_extra=_ATOMIC
    )


class LabelSelector(Model):
    """Selects pods of the same namespace by their labels."""

    match_labels: dict[Key, Value] = Field(
        default_factory=dict, max_length=16, description="matchLabels are labels that must have these values."
    )
    match_expressions: tuple[LabelRequirement, ...] = Field(
        (), max_length=16, description="matchExpressions are further tests of labels.", json_schema_extra=_ATOMIC
    )


class PodTerm(Model):
    """Nearness to pods of the same namespace."""

    label_selector: LabelSelector = Field(description="labelSelector says which pods are meant.")
    topology_key: Key = Field(
        description="topologyKey is the node label whose equal values count as one place, such as "
        "kubernetes.io/hostname."
    )


class PreferredPod(Model):
    """A wish about other pods."""

    weight: int = Field(ge=1, le=100, description="weight is how much the wish counts, 1 to 100.")
    pod_affinity_term: PodTerm = Field(description="podAffinityTerm says which pods and places are meant.")


class PodAffinity(Model):
    """Where other pods are."""

    required_during_scheduling_ignored_during_execution: tuple[PodTerm, ...] = Field(
        (),
        alias="requiredDuringSchedulingIgnoredDuringExecution",
        max_length=16,
        description="requiredDuringSchedulingIgnoredDuringExecution must hold when a pod is placed.",
        json_schema_extra=_ATOMIC,
    )
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredPod, ...] = Field(
        (),
        alias="preferredDuringSchedulingIgnoredDuringExecution",
        max_length=16,
        description="preferredDuringSchedulingIgnoredDuringExecution are wishes.",
        json_schema_extra=_ATOMIC,
    )


class Affinity(Model):
    """affinity says where pods run best or must run."""

    node_affinity: NodeAffinity | None = Field(None, description="nodeAffinity is about nodes.")
    pod_affinity: PodAffinity | None = Field(None, description="podAffinity draws pods to where others are.")
    pod_anti_affinity: PodAffinity | None = Field(
        None, description="podAntiAffinity keeps pods away from where others are."
    )
