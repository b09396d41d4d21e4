"""ModelDeployment.spec: what a user asks for. Descriptions here are what `kubectl explain` prints."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from paceline.api.backend_spec import Namespace
from paceline.api.base import LABEL_PATTERN, Model, cel, only, rules
from paceline.api.engine_spec import Engine
from paceline.api.model_spec import Adapter, ModelSource
from paceline.api.pod_overrides import PodOverrides
from paceline.api.slo_spec import SloSpec

Strategy = Literal["Auto", "Replace", "Recreate"]
OnOperatorUpgrade = Literal["Never", "Auto"]
Exposure = Literal["Auto", "Cluster", "GatewayOnly"]


class Hardware(Model):
    """hardware says what each replica runs on."""

    profile: str = Field(
        min_length=1,
        max_length=63,
        pattern=LABEL_PATTERN,
        description="profile names a hardware profile of the operator (chart value `profiles`): accelerator, "
        "resources, "
        "node selection and price.",
    )
    count: int = Field(
        1,
        ge=1,
        le=64,
        description="count is the number of accelerators for each replica. Profiles without an accelerator take "
        "only 1. "
        "Default: 1.",
    )
    nodes: Annotated[
        int,
        Field(
            ge=1,
            le=64,
            description="nodes is the number of nodes that one replica spans. Only 1 works in v1alpha1. Default: 1.",
            json_schema_extra=rules(
                cel(
                    "self == 1",
                    message="must be 1: models that span nodes come in a later release; raise hardware.count or choose "
                    "a profile with larger accelerators",
                )
            ),
        ),
    ] = 1


class Lifecycle(Model):
    """lifecycle holds the times that starting and stopping may take."""

    startup_seconds: int = Field(
        1800,
        ge=1,
        le=86400,
        description="startupSeconds is how long an engine may take from the start of its process until it answers; "
        "then it is restarted. Default: 1800.",
    )
    drain_seconds: int = Field(
        300,
        ge=0,
        le=86400,
        description="drainSeconds is how long a stopping engine may take to finish the answers it has begun; "
        "then it is killed. Default: 300.",
    )


class Rollout(Model):
    """rollout says how a new revision replaces the old one."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "self.strategy == 'Recreate' || self.maxSurge + self.maxUnavailable > 0",
                message="must be larger than 0 where maxUnavailable is 0 too: with neither one replica more nor one "
                "fewer, none can be replaced; set one of them to 1 or strategy to Recreate",
                field=".maxSurge",
            ),
        )
    )

    strategy: Strategy = Field(
        "Auto",
        description="strategy is Auto, Replace (pods are replaced step by step, within maxSurge and maxUnavailable) or "
        "Recreate (all old pods end before the first new one starts). Auto replaces; where a profile of capacity Fixed "
        "has no accelerator left for one more pod, it stops an old one first and says so. Clients must accept values "
        "that they do not know. Default: Auto.",
    )
    max_surge: int = Field(
        1,
        ge=0,
        le=1000,
        description="maxSurge is how many replicas there may be more than wanted while a revision replaces another. "
        "Recreate ignores it. Default: 1.",
    )
    max_unavailable: int = Field(
        0,
        ge=0,
        le=1000,
        description="maxUnavailable is how many of the wanted replicas may be missing at any instant of a rollout. "
        "Recreate ignores it. Default: 0.",
    )
    on_operator_upgrade: OnOperatorUpgrade = Field(
        "Never",
        description="onOperatorUpgrade says what happens where a new release of the operator, or a changed profile, "
        "would run the same spec otherwise: Never (nothing, until the spec changes; the condition Progressing says "
        "PendingDrift and what differs) or Auto (it rolls out like a change of the spec). Default: Never.",
    )
    revision_history_limit: int = Field(
        5,
        ge=0,
        le=100,
        description="revisionHistoryLimit is how many former revisions are kept to go back to, besides those whose "
        "pods still run. Default: 5.",
    )
    progress_deadline_seconds: int = Field(
        3600,
        ge=1,
        le=604800,
        description="progressDeadlineSeconds is how long a rollout may go without progress before the condition "
        "Progressing says ProgressDeadlineExceeded. It must be larger than lifecycle.startupSeconds. Default: 3600.",
    )


class Sharing(Model):
    """Consent that Gateways of another namespace send requests here."""

    gateway_namespace: Namespace = Field(description="gatewayNamespace is the namespace of the Gateways.")


class Parallelism(Model):
    """parallelism says how the accelerators of one replica share the model."""

    tensor: int | None = Field(
        None,
        ge=1,
        le=512,
        description="tensor is the number of accelerators that share each layer. Default: hardware.count x nodes / "
        "(pipeline x data).",
    )
    pipeline: int = Field(
        1, ge=1, le=512, description="pipeline is the number of groups that the layers are divided among. Default: 1."
    )
    data: int = Field(
        1, ge=1, le=512, description="data is the number of copies of the model in one replica. Default: 1."
    )


_SIMULATED = "self.model.uri.startsWith('sim://')"
_IMAGE = "self.model.uri.startsWith('image://')"
_TYPE = "(has(self.engine) && has(self.engine.type) ? self.engine.type : '')"
_GGUF = "(self.model.uri.endsWith('.gguf') || has(self.model.file) && self.model.file.endsWith('.gguf'))"
_CUSTOM = f"({_IMAGE} || {_TYPE} == 'Custom')"
_LLAMA = f"({_TYPE} == 'LlamaCpp' || {_TYPE} == '' && {_GGUF})"
_SHARES = "self.parallelism.pipeline * self.parallelism.data"
_COUNT = "self.hardware.count * self.hardware.nodes"


_RULES = (
    cel(
        f"{_TYPE} == '' || ({_SIMULATED} ? {_TYPE} == 'Simulator' : {_IMAGE} ? {_TYPE} == 'Custom' : "
        f"{_TYPE} != 'Simulator')",
        expression="'is ' + self.engine.type + ', but model.uri ' + self.model.uri + ' needs ' + "
        f"({_SIMULATED} ? 'Simulator' : {_IMAGE} ? 'Custom' : 'VLLM, SGLang, LlamaCpp or Custom') + "
        "'; leave engine.type out to have it chosen'",
        field=".engine.type",
    ),
    cel(
        f"{_TYPE} != 'LlamaCpp' || {_GGUF}",
        message="may not be LlamaCpp: it serves a .gguf file, but neither model.uri nor model.file ends in .gguf; "
        "name the file in model.file or leave engine.type out",
        field=".engine.type",
    ),
    cel(
        f"!{_GGUF} || {_TYPE} in ['', 'LlamaCpp', 'Custom']",
        expression="'is ' + self.engine.type + ', but a .gguf file needs LlamaCpp or Custom; "
        "leave engine.type out to have it chosen'",
        field=".engine.type",
    ),
    cel(
        f"!has(self.engine) || !has(self.engine.image) || !{_IMAGE}",
        expression="'may not be set to ' + self.engine.image + ': model.uri ' + self.model.uri + ' "
        "already names the image; remove engine.image'",
        field=".engine.image",
        reason="FieldValueForbidden",
    ),
    cel(
        f"{_TYPE} != 'Custom' || {_IMAGE} || has(self.engine.image)",
        message="must be set: engine.type is Custom, and model.uri names files, not an image; set it to the image "
        "that reads them from /models/base",
        field=".engine.image",
    ),
    cel(
        f"!has(self.engine) || !has(self.engine.custom) || {_CUSTOM}",
        expression="'may not be set: model.uri ' + self.model.uri + ' is run by an engine that paceline knows; "
        "remove engine.custom, set engine.type to Custom or use an image:// uri'",
        field=".engine.custom",
        reason="FieldValueForbidden",
    ),
    cel(
        f"!has(self.engine) || !has(self.engine.batching) || {_SIMULATED} || "
        f"(!{_CUSTOM} && self.engine.batching.type == 'Continuous')",
        expression="'may not be set to ' + self.engine.batching.type + ': the engine of ' + self.model.uri + "
        "' does not take it; remove engine.batching and use engine.args'",
        field=".engine.batching",
        reason="FieldValueForbidden",
    ),
    cel(
        f"!has(self.engine) || !has(self.engine.maxContextTokens) || !({_SIMULATED} || {_CUSTOM})",
        message="may not be set: paceline cannot tell the Simulator or a Custom engine; remove "
        "engine.maxContextTokens and use engine.args",
        field=".engine.maxContextTokens",
        reason="FieldValueForbidden",
    ),
    only(
        "adapters",
        f"!({_SIMULATED} || {_CUSTOM} || {_LLAMA})",
        "may not be set: only VLLM and SGLang serve adapters under names of their own; remove adapters, or "
        "merge them into the model",
    ),
    cel(
        "!has(self.adapters) || self.adapters.all(a, !has(self.model.servedName) || a.name != self.model.servedName)",
        message="may not have the name of the model itself (model.servedName); give the adapter another name",
        field=".adapters",
    ),
    only(
        "parallelism",
        f"!({_SIMULATED} || {_CUSTOM} || {_LLAMA})",
        "may not be set: only VLLM and SGLang are told how to share accelerators; remove parallelism",
    ),
    cel(
        f"!has(self.parallelism) || (has(self.parallelism.tensor) ? self.parallelism.tensor * {_SHARES} == {_COUNT} "
        f": ({_COUNT}) % ({_SHARES}) == 0)",
        message="must be such that tensor x pipeline x data is hardware.count x nodes; change parallelism or "
        "hardware.count",
        field=".parallelism",
    ),
    cel(
        "self.rollout.progressDeadlineSeconds > self.lifecycle.startupSeconds",
        message="must be larger than lifecycle.startupSeconds, or a slow start counts as a failed rollout; "
        "raise rollout.progressDeadlineSeconds (default 3600) or lower lifecycle.startupSeconds (default 1800)",
        field=".rollout.progressDeadlineSeconds",
    ),
)


class Spec(Model):
    """spec is the wanted state of the model server."""

    model_config = ConfigDict(json_schema_extra=rules(*_RULES))

    replicas: int = Field(
        1,
        ge=0,
        le=1000,
        description="replicas is the wanted number of engines; 0 stops all of them. `kubectl scale` and autoscalers "
        "write it through /scale. Default: 1.",
    )
    model: ModelSource = Field(description="model says which model is served and under which name.")
    hardware: Hardware = Field(description="hardware says what each replica runs on.")
    parallelism: Parallelism | None = Field(
        None,
        description="parallelism says how the accelerators of one replica share the model. Default: all of them share "
        "each layer.",
    )
    engine: Engine | None = Field(
        None,
        description="engine says which program serves the model. Default: chosen from model.uri, with its own "
        "defaults; "
        "status.effective shows what came out.",
    )
    adapters: tuple[Adapter, ...] = Field(
        (),
        max_length=16,
        description="adapters are LoRA modules that are loaded beside the model, each served under its own name. A "
        "change is a new revision.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    exposure: Exposure = Field(
        "Auto",
        description="exposure says whom the engine answers: Cluster (whoever reaches its Service), GatewayOnly (who "
        "brings the key that is kept in the Secret <name>-engine-key) or Auto (as Cluster; once a Gateway serves the "
        "model, condition Accepted says that it can be bypassed). A change between GatewayOnly and the others is a new "
        "revision. Clients must accept values that they do not know. Default: Auto.",
    )
    shared_with: tuple[Sharing, ...] = Field(
        (),
        max_length=64,
        description="sharedWith names the other namespaces whose Gateways may send requests here. A Gateway must name "
        "this ModelDeployment too: both sides consent. Default: only Gateways of the same namespace may.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    lifecycle: Lifecycle = Field(
        Lifecycle(),
        description="lifecycle holds the times that starting and stopping may take.",
    )
    slo: SloSpec | None = Field(
        None,
        description="slo says what users are to meet, and how many of them; condition SLOMet says whether they do, "
        "once a Gateway serves the model. A change restarts nothing. Default: no objective.",
    )
    rollout: Rollout = Field(
        Rollout(),
        description="rollout says how a new revision replaces the old one: one replica more is started, and an old one "
        "stops when the new one is ready.",
    )

    template: PodOverrides = Field(
        default_factory=PodOverrides,
        description="template holds the fields of the pods that may be set beside what the profile and the engine say: "
        "a list of what is allowed. A change is a new revision.",
    )

    @property
    def locked(self) -> bool:
        """Whether the engine answers only who brings its key."""
        return self.exposure == "GatewayOnly"

    def consents_to(self, namespace: str) -> bool:
        """Whether Gateways of another namespace may send requests here."""
        return any(each.gateway_namespace == namespace for each in self.shared_with)

    @property
    def engine_or_default(self) -> Engine:
        """The engine block, empty where the user wrote none."""
        return self.engine or Engine()
