"""ModelDeployment.status: what the operator says. These models give its schema and build it."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from paceline.api import quantity
from paceline.api.base import DecimalText, Model
from paceline.api.condition_schema import ConditionSchema
from paceline.api.engine_spec import Argument

QuantityText = Annotated[
    str,
    Field(
        max_length=64,
        pattern=quantity.PATTERN,
        json_schema_extra={"x-kubernetes-int-or-string": True},
    ),
]
Quantities = dict[Annotated[str, Field(max_length=317)], QuantityText]


class Display(Model):
    """display holds what the columns of `kubectl get` print."""

    replicas: str | None = Field(
        None, max_length=32, description="replicas is ready over wanted replicas, such as 3/3."
    )
    ttft_p95: str | None = Field(
        None, alias="ttftP95", max_length=32, description="ttftP95 is the 95th percentile of the time to first token."
    )
    tpot_p95: str | None = Field(
        None, alias="tpotP95", max_length=32, description="tpotP95 is the 95th percentile of the time per output token."
    )
    attainment: str | None = Field(None, max_length=32, description="attainment is status.slo.attainmentPercent.")
    cost_per_hour: str | None = Field(None, max_length=32, description="costPerHour is status.cost.perHour.")


class EffectiveProbe(Model):
    """One probe of the kubelet."""

    path: str = Field(max_length=256, description="path is asked by GET on the engine's port.")
    period_seconds: int = Field(ge=1, le=2147483647, description="periodSeconds is the time between two tries.")
    timeout_seconds: int = Field(ge=1, le=2147483647, description="timeoutSeconds is how long one try may take.")
    failure_threshold: int = Field(
        ge=1,
        le=2147483647,
        description="failureThreshold is the number of failed tries in a row that count as failure.",
    )


class EffectiveProbes(Model):
    """The probes of the kubelet."""

    startup: EffectiveProbe = Field(description="startup is asked until the engine answers for the first time.")
    readiness: EffectiveProbe = Field(description="readiness decides whether the pod gets requests.")
    liveness: EffectiveProbe = Field(description="liveness restarts an engine that answers no more.")


class EffectiveResources(Model):
    """Resources of one replica, accelerators included.

    Atomic: server-side apply turns a map of which it removes the last entry into null, which the schema refuses.
    """

    model_config = ConfigDict(json_schema_extra={"x-kubernetes-map-type": "atomic"})

    requests: Quantities = Field(
        default_factory=dict, max_length=32, description="requests is what the scheduler reserves for one replica."
    )
    limits: Quantities = Field(
        default_factory=dict, max_length=32, description="limits is what one replica may use at most."
    )


class Effective(Model):
    """effective is the spec with everything resolved that was left open."""

    profile: str = Field(max_length=63, description="profile is the hardware profile in use.")
    type: str = Field(max_length=63, description="type is the kind of engine.")
    image: str = Field(max_length=1024, description="image is the engine's image.")
    command: tuple[Argument, ...] = Field(
        (),
        max_length=64,
        description="command is the engine's entry point; empty: the image's own.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    args: tuple[Argument, ...] = Field(
        (),
        max_length=256,
        description="args are all arguments of the engine.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    port: int = Field(ge=1, le=65535, description="port is where the engine listens.")
    run_as_user: int = Field(ge=1, le=2147483647, description="runAsUser is the user id of the engine's process.")
    served_name: str = Field(max_length=128, description='servedName is the name that clients put into "model".')
    task: str = Field(max_length=63, description="task is what the model does.")
    batching: str = Field(
        max_length=63, description="batching is how the engine batches; Engine: as it decides by itself."
    )
    inference: str = Field(max_length=63, description="inference is the API by which the model is tested.")
    strategy: str = Field(max_length=63, description="strategy is how a new revision replaces the old one.")
    termination_grace_period_seconds: int = Field(
        ge=0,
        le=2147483647,
        description="terminationGracePeriodSeconds covers the wait before SIGTERM and the drain after it.",
    )
    probes: EffectiveProbes = Field(description="probes are the kubelet's.")
    resources: EffectiveResources = Field(description="resources are those of one replica, accelerators included.")


class Quantiles(Model):
    """Percentiles in milliseconds, two significant digits."""

    p50: DecimalText = Field(description="p50 is the median in milliseconds.")
    p95: DecimalText = Field(description="p95 is the 95th percentile in milliseconds.")
    p99: DecimalText = Field(description="p99 is the 99th percentile in milliseconds.")


class Slo(Model):
    """slo holds what users met."""

    observed_time: str = Field(
        max_length=64,
        description="observedTime is when these figures were taken; idle models keep their last ones.",
        json_schema_extra={"format": "date-time"},
    )
    source: str = Field(
        max_length=63,
        description="source is who measured: Gateway (each request of the last 5 minutes) or, while none "
        "serves the model, Engine (its own histograms).",
    )
    ttft_milliseconds: Quantiles | None = Field(None, description="ttftMilliseconds is the time to first token.")
    tpot_milliseconds: Quantiles | None = Field(None, description="tpotMilliseconds is the time per output token.")
    attainment_percent: DecimalText | None = Field(
        None,
        description="attainmentPercent is the share of requests that met every target of spec.slo; only with source "
        "Gateway.",
    )
    requests: int = Field(ge=0, le=2**53, description="requests is the number of requests that the figures come from.")


class Cost(Model):
    """cost is what the replicas cost by the profile's price."""

    currency: str = Field(max_length=3, description="currency is the profile's, such as USD.")
    per_hour: DecimalText = Field(description="perHour is replicas x hardware.count x the profile's pricePerHour.")


class PlacedRevision(Model):
    """A revision that has pods, or is to have them."""

    name: str = Field(max_length=253, description="name is that of its ControllerRevision.")
    replicas: int = Field(ge=0, le=2147483647, description="replicas is the number of its ready pods.")


class Revisions(Model):
    """revisions says which revision serves, and which one is to take its place."""

    stable: PlacedRevision | None = Field(None, description="stable is the revision that serves.")
    candidate: PlacedRevision | None = Field(
        None, description="candidate is the revision that is being rolled out; left out when none is."
    )


class StatusSchema(Model):
    """status is what the operator has seen and done."""

    conditions: tuple[ConditionSchema, ...] | None = Field(
        None,
        max_length=16,
        description="conditions say how the object is: Ready, Available, Accepted, ModelResolved, Fits, Progressing, "
        "SLOMet.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )
    observed_generation: int | None = Field(
        None, ge=0, le=2**53, description="observedGeneration is the metadata.generation that status is about."
    )
    replicas: int | None = Field(None, ge=0, le=2147483647, description="replicas is the number of engines that exist.")
    ready_replicas: int | None = Field(
        None, ge=0, le=2147483647, description="readyReplicas is the number of engines whose pod is ready."
    )
    selector: str | None = Field(
        None,
        max_length=1024,
        description="selector selects the engines' pods, in the form that /scale gives to autoscalers.",
    )
    endpoint: str | None = Field(
        None,
        max_length=512,
        description="endpoint is the base URL of the OpenAI API inside the cluster: of the Gateway that serves the "
        "model, else of its engines.",
    )
    display: Display | None = Field(None, description="display holds what the columns of kubectl get print.")
    effective: Effective | None = Field(
        None, description="effective is the spec with everything resolved that was left open."
    )
    fingerprint: str | None = Field(
        None,
        max_length=128,
        description="fingerprint is the digest of what answers: the model, and the engine's image and arguments.",
    )
    revisions: Revisions | None = Field(
        None, description="revisions says which revision serves, and which one is to take its place."
    )
    slo: Slo | None = Field(None, description="slo holds what users met.")
    cost: Cost | None = Field(None, description="cost is what the replicas cost by the profile's price.")
