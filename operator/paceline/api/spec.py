"""ModelDeployment.spec: what a user asks for. Descriptions here are what `kubectl explain` prints."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from paceline.api.base import LABEL_PATTERN, Model, cel, rules
from paceline.api.engine_spec import Engine
from paceline.api.pod_overrides import PodOverrides

#: The schemes of model.uri that work, and the engine that each one chooses.
SCHEMES: dict[str, Literal["Simulator", "Custom"]] = {"sim": "Simulator", "image": "Custom"}

URI_PATTERN = r"^(sim://[a-z0-9]([a-z0-9._-]*[a-z0-9])?|image://[A-Za-z0-9]([A-Za-z0-9._:/@-]*[A-Za-z0-9])?)$"
SERVED_NAME_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9._:/-]*[A-Za-z0-9])?$"

Task = Literal["Generate", "Embed"]
Strategy = Literal["Auto", "Replace", "Recreate"]
OnOperatorUpgrade = Literal["Never", "Auto"]


class ModelSource(Model):
    """model says which model is served and under which name."""

    uri: Annotated[
        str,
        Field(
            min_length=1,
            max_length=512,
            description="uri is where the model comes from: sim://<calibration> is the engine simulator with that "
            "calibration (llama-3-8b-h100, llama-3.1-8b-a100-tp2, llama-3.1-8b-a100-tp4); image://<image reference> "
            "is an engine image that holds its own weights.",
            json_schema_extra=rules(
                cel(
                    f"self.matches('{URI_PATTERN}')",
                    message="must be sim://<calibration> or image://<image reference>; other sources (hf, s3, "
                    "http, pvc) "
                    "come in a later release",
                )
            ),
        ),
    ]
    task: Task = Field(
        "Generate",
        description="task says what the model does and so what its test request is: Generate (chat and completions) "
        "or Embed (embeddings). Default: Generate.",
    )
    served_name: str | None = Field(
        None,
        min_length=1,
        max_length=128,
        pattern=SERVED_NAME_PATTERN,
        description='servedName is the name that clients put into "model". Default: the name of the ModelDeployment.',
    )

    @property
    def scheme(self) -> str:
        """The part of the uri before ://."""
        return self.uri.partition("://")[0]

    @property
    def location(self) -> str:
        """The part of the uri after ://."""
        return self.uri.partition("://")[2]


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


_FITS = "(self.model.uri.startsWith('sim://') ? 'Simulator' : 'Custom')"
_SIMULATED = "self.model.uri.startsWith('sim://')"


class Spec(Model):
    """spec is the wanted state of the model server."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                f"!has(self.engine) || !has(self.engine.type) || self.engine.type == {_FITS}",
                expression=f"'is ' + self.engine.type + ', but model.uri ' + self.model.uri + ' needs ' + {_FITS} + "
                "'; leave engine.type out to have it chosen'",
                field=".engine.type",
            ),
            cel(
                f"!has(self.engine) || !has(self.engine.image) || {_SIMULATED}",
                expression="'may not be set to ' + self.engine.image + ': model.uri ' + self.model.uri + ' "
                "already names the image; remove engine.image'",
                field=".engine.image",
                reason="FieldValueForbidden",
            ),
            cel(
                f"!has(self.engine) || !has(self.engine.custom) || !{_SIMULATED}",
                expression="'may not be set: model.uri ' + self.model.uri + ' is run by the Simulator; "
                "remove engine.custom or use an image:// uri'",
                field=".engine.custom",
                reason="FieldValueForbidden",
            ),
            cel(
                f"!has(self.engine) || !has(self.engine.batching) || {_SIMULATED}",
                expression="'may not be set: paceline cannot tell the image of ' + self.model.uri + ' how to batch; "
                "remove engine.batching and use engine.args'",
                field=".engine.batching",
                reason="FieldValueForbidden",
            ),
            cel(
                "self.rollout.progressDeadlineSeconds > self.lifecycle.startupSeconds",
                message="must be larger than lifecycle.startupSeconds, or a slow start counts as a failed rollout; "
                "raise rollout.progressDeadlineSeconds (default 3600) or lower lifecycle.startupSeconds (default 1800)",
                field=".rollout.progressDeadlineSeconds",
            ),
        )
    )

    replicas: int = Field(
        1,
        ge=0,
        le=1000,
        description="replicas is the wanted number of engines; 0 stops all of them. `kubectl scale` and autoscalers "
        "write it through /scale. Default: 1.",
    )
    model: ModelSource = Field(description="model says which model is served and under which name.")
    hardware: Hardware = Field(description="hardware says what each replica runs on.")
    engine: Engine | None = Field(
        None,
        description="engine says which program serves the model. Default: chosen from model.uri, with its own "
        "defaults; "
        "status.effective shows what came out.",
    )
    lifecycle: Lifecycle = Field(
        Lifecycle(),
        description="lifecycle holds the times that starting and stopping may take.",
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
    def engine_or_default(self) -> Engine:
        """The engine block, empty where the user wrote none."""
        return self.engine or Engine()
