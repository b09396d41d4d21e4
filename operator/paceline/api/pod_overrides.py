"""spec.template: the fields of a pod that a user may set. What is not here cannot be asked for."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from paceline.api import quantity
from paceline.api.affinity import Affinity, Key, Value
from paceline.api.base import Model, cel, rules

_ATOMIC: dict[str, JsonValue] = {"x-kubernetes-list-type": "atomic"}
Quantity = Annotated[
    str,
    Field(
        max_length=64,
        pattern=quantity.PATTERN,
        json_schema_extra={"minimum": 0, "x-kubernetes-int-or-string": True},  # of an integer; the pattern is of a text
    ),
    BeforeValidator(lambda value: str(value) if isinstance(value, int) and not isinstance(value, bool) else value),
    AfterValidator(quantity.canonical),
]
Keyed = TypeVar("Keyed", bound=dict[str, str])

#: Domains of keys by which Kubernetes, paceline or a mesh recognise pods or switch their protection off.
_ORGANISATIONS = "k8s|kubernetes|paceline|istio|linkerd|kuma|cilium|projectcalico|cncf|hashicorp"
_RESERVED = f"(^|[.])({_ORGANISATIONS})[.][a-z]+/"
_RESOURCES = ("cpu", "memory", "ephemeral-storage")
#: Variables that load code into the engine's process.
_LOADERS = (
    "LD_.*|PATH|ENV|BASH_ENV|GCONV_PATH|PYTHON(PATH|HOME|STARTUP|INSPECT|USERBASE|WARNINGS|BREAKPOINT)|PERL5.*|"
    "NODE_OPTIONS|JAVA_TOOL_OPTIONS|NVIDIA_.*|CUDA_INJECTION.*"
)
#: Names under which people keep secrets.
_SECRETS = "(.*_)?(TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|PRIVATE_KEY|API_?KEY|ACCESS_?KEY)(_.*)?"


def _reserved(what: str) -> dict[str, str]:
    return cel(
        f"self.all(key, key.contains('/') && !key.matches('{_RESERVED}'))",
        message=f"may not hold {what} but those of a domain of your own, such as example.com/team, and none of "
        "Kubernetes, paceline, a mesh or a network plug-in: by those, Services, policies and meshes know pods",
    )


def _own(given: Keyed) -> Keyed:
    """What CEL checks at admission, once more, for objects that an older CRD let in."""
    taken = sorted(key for key in given if "/" not in key or re.search(_RESERVED, key))
    if taken:
        raise ValueError(f"{', '.join(taken)} may not be set here; use a domain of your own, as in example.com/team")
    return given


def _plain(name: str) -> str:
    if re.fullmatch(_LOADERS, name) or re.fullmatch(_SECRETS, name.upper()):
        raise ValueError(f"{name} loads code or looks like a secret; build it into the image, or use model.secretRef")
    return name


def _workload(key: str) -> str:
    if key.startswith("node-role.kubernetes.io/"):
        raise ValueError(f"{key} is a taint of the control plane; models run on nodes for workloads")
    return key


def _not_of_the_system(name: str) -> str:
    if name.startswith("system-"):
        raise ValueError(f"{name} is a class of the system; use one of your own")
    return name


class Toleration(Model):
    """A taint that does not keep pods away."""

    key: Annotated[
        Key,
        Field(
            description="key is the taint's key. Taints of control planes cannot be tolerated.",
            json_schema_extra=rules(
                cel(
                    "!self.startsWith('node-role.kubernetes.io/')",
                    message="may not be a taint of the control plane; models run on nodes for workloads",
                )
            ),
        ),
        AfterValidator(_workload),
    ]
    operator: Literal["Exists", "Equal"] = Field(
        "Equal", description="operator is Equal (key and value) or Exists (key alone). Default: Equal."
    )
    value: Value | None = Field(None, description="value is the taint's value, for operator Equal.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="effect is the taint's effect. Default: every effect."
    )
    toleration_seconds: int | None = Field(
        None, ge=0, le=2147483647, description="tolerationSeconds is how long a NoExecute taint is tolerated."
    )


class Variable(Model):
    """An environment variable with a plain value."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=128,
            pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
            description="name of the variable. Names that load code into the process or that look like a secret are "
            "refused.",
            json_schema_extra=rules(
                cel(
                    f"!self.matches('^({_LOADERS})$')",
                    message="may not be a variable that loads code or finds programs (LD_…, PATH, PYTHONPATH, …); "
                    "build it into the image",
                ),
                cel(
                    f"!self.upperAscii().matches('^{_SECRETS}$')",
                    message="may not look like a secret, for specs are readable by many; give secrets by "
                    "model.secretRef or a mounted Secret of the image's own",
                ),
            ),
        ),
        AfterValidator(_plain),
    ]
    value: str = Field(
        "", max_length=4096, description="value is a plain text; it is shown to whoever may read the spec."
    )


def _countable(given: Keyed) -> Keyed:
    other = sorted(given.keys() - set(_RESOURCES))
    if other:
        raise ValueError(
            f"{', '.join(other)} may not be set here; accelerators come with the profile and hardware.count"
        )
    return given


_COUNTABLE = rules(
    cel(
        f"self.all(key, key in {list(_RESOURCES)})",
        message=f"may not hold anything but {', '.join(_RESOURCES)}; accelerators come with hardware.count",
    )
)


class ResourceOverrides(Model):
    """resources are added to the profile's, or take their place where both name one."""

    requests: Annotated[
        dict[str, Quantity],
        Field(
            max_length=3,
            description="requests is what the scheduler reserves for one replica.",
            json_schema_extra=_COUNTABLE,
        ),
        AfterValidator(_countable),
    ] = Field(default_factory=dict)
    limits: Annotated[
        dict[str, Quantity],
        Field(max_length=3, description="limits is what one replica may use at most.", json_schema_extra=_COUNTABLE),
        AfterValidator(_countable),
    ] = Field(default_factory=dict)


class PullSecret(Model):
    """A Secret of the namespace with registry credentials."""

    name: str = Field(
        min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", description="name of the Secret."
    )


PriorityClass = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        description="priorityClassName is the pods' priority class. Those of the system cannot be used.",
        json_schema_extra=rules(
            cel("!self.startsWith('system-')", message="may not be a class of the system; use one of your own")
        ),
    ),
    AfterValidator(_not_of_the_system),
]


class PodOverrides(Model):
    """template holds the fields of the pods that may be set beside what the profile and the engine say."""

    labels: Annotated[
        dict[Key, Value],
        Field(
            max_length=16,
            description="labels are added to the pods.",
            json_schema_extra=rules(_reserved("labels")),
        ),
        AfterValidator(_own),
    ] = Field(default_factory=dict)
    annotations: Annotated[
        dict[Key, Annotated[str, Field(max_length=4096)]],
        Field(
            max_length=16,
            description="annotations are added to the pods.",
            json_schema_extra=rules(_reserved("annotations")),
        ),
        AfterValidator(_own),
    ] = Field(default_factory=dict)
    node_selector: dict[Key, Value] = Field(
        default_factory=dict, max_length=32, description="nodeSelector is added to the profile's."
    )
    tolerations: tuple[Toleration, ...] = Field(
        (), max_length=32, description="tolerations are added to the profile's.", json_schema_extra=_ATOMIC
    )
    affinity: Affinity | None = Field(None, description="affinity says where pods run best or must run.")
    env: tuple[Variable, ...] = Field(
        (),
        max_length=64,
        description="env are variables of the engine, after those that paceline sets.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    resources: ResourceOverrides | None = Field(
        None,
        description="resources are added to the profile's, or take their place where both name one. Accelerators are "
        "counted by hardware.count.",
    )
    priority_class_name: PriorityClass | None = None
    image_pull_secrets: tuple[PullSecret, ...] = Field(
        (),
        max_length=8,
        description="imagePullSecrets are Secrets of the namespace with credentials of the image's registry.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
