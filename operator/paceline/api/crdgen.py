"""CRDs from the models. `crds/` holds the result; a test keeps both equal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from paceline.api import consumer, gateway, modeldeployment
from paceline.api.base import LABEL_PATTERN, Model, cel
from paceline.api.conditions import AVAILABLE, READY, ConditionType
from paceline.api.consumer_spec import ConsumerSpec
from paceline.api.consumer_status import ConsumerStatus
from paceline.api.gateway_spec import GatewaySpec
from paceline.api.gateway_status import GatewayStatus
from paceline.api.kind import GROUP, MAX_NAME, VERSION
from paceline.api.schema import structural
from paceline.api.spec import Spec
from paceline.api.status import StatusSchema

_HEADER = "# Generated from operator/paceline/api by `make crds`; do not edit.\n"

_NAME_RULE = cel(
    f"self.metadata.name.size() <= {MAX_NAME} && self.metadata.name.matches('{LABEL_PATTERN}')",
    message=f"must have at most {MAX_NAME} characters (children add 9 more), only lower-case letters, digits and -, "
    "begin with a letter and end with a letter or digit; choose another name",
    field=".metadata.name",
)


def _condition(kind: ConditionType, part: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{part}'


def _ready(part: str) -> str:
    return _condition(READY, part)


def _column(name: str, path: str, *, description: str, kind: str = "string", priority: int = 0) -> dict[str, Any]:
    column = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return {**column, "priority": priority} if priority else column


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is said of one kind.

    Attributes:
        subresources: Those that it has besides status.
    """

    name: str
    plural: str
    short: str
    description: str
    spec: type[Model]
    status: type[Model]
    columns: list[dict[str, Any]]
    subresources: dict[str, Any] = field(default_factory=dict)


_AGE = _column("AGE", ".metadata.creationTimestamp", kind="date", description="Time since creation.")
_REASON = _column("REASON", _ready("reason"), description="Why it is Ready or not.")
_MESSAGE = _column("MESSAGE", _ready("message"), priority=1, description="Why it is Ready or not, in words.")

_MODELDEPLOYMENT = _Kind(
    name=modeldeployment.KIND,
    plural=modeldeployment.PLURAL,
    short="mdep",
    description="ModelDeployment serves one model: it runs its engines, measures them and says how they are.",
    spec=Spec,
    status=StatusSchema,
    columns=[
        _column("READY", _ready("status"), description="The current spec is what answers."),
        _column("AVAILABLE", _condition(AVAILABLE, "status"), description="The model answers its users."),
        _REASON,
        _column("REPLICAS", ".status.display.replicas", description="Ready and wanted replicas."),
        _column("TTFT-P95", ".status.display.ttftP95", description="Time to first token, 95th percentile."),
        _column("TPOT-P95", ".status.display.tpotP95", description="Time per output token, 95th percentile."),
        _column("SLO%", ".status.display.attainment", description="Requests that met every target of spec.slo."),
        _column("COST/H", ".status.display.costPerHour", description="Cost of the replicas per hour."),
        _AGE,
        _MESSAGE,
    ],
    subresources={
        "scale": {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    },
)


_GATEWAY = _Kind(
    name=gateway.KIND,
    plural=gateway.PLURAL,
    short="aigw",
    description="Gateway is one door to models: it answers the OpenAI API and says who may use what, and how it is.",
    spec=GatewaySpec,
    status=GatewayStatus,
    columns=[
        _column("READY", _ready("status"), description="The current spec is what answers."),
        _column("ADDRESS", ".status.address", description="Base URL of the OpenAI API."),
        _column("ROUTES", ".status.routes.total", kind="integer", description="Number of routes."),
        _column("PODS", ".status.display.pods", description="Ready and wanted pods."),
        _AGE,
        {**_REASON, "priority": 1},
        _MESSAGE,
    ],
)

_CONSUMER = _Kind(
    name=consumer.KIND,
    plural=consumer.PLURAL,
    short="aicon",
    description="Consumer is a caller of Gateways: how it shows who it is, which models it may use, and what it may "
    "spend.",
    spec=ConsumerSpec,
    status=ConsumerStatus,
    columns=[
        _column("READY", _ready("status"), description="The current spec is in force at every Gateway."),
        _column("AUDIENCE", ".spec.audience", description="Whom its answers reach."),
        _column("SPENT", ".status.display.spent", description="What is spent of the budget that is most used up."),
        _column("BUDGET", ".status.display.budget", description="Amount and period of that budget."),
        _column("SUSPENDED", ".spec.suspended", kind="boolean", description="Whether all its requests are refused."),
        _AGE,
        {**_REASON, "priority": 1},
        _MESSAGE,
    ],
)

_KINDS = (_MODELDEPLOYMENT, _GATEWAY, _CONSUMER)


def _root(kind: _Kind) -> dict[str, Any]:
    return {
        "description": kind.description,
        "type": "object",
        "required": ["spec"],
        "x-kubernetes-validations": [_NAME_RULE],
        "properties": {
            "apiVersion": {
                "description": "apiVersion is the group and version of this kind.",
                "type": "string",
                "maxLength": 64,
            },
            "kind": {"description": "kind is the name of this kind.", "type": "string", "maxLength": 64},
            # Kubernetes allows nothing else here; the name is written out so that the rule's fieldPath can point at it.
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 253}}},
            "spec": structural(kind.spec),
            "status": structural(kind.status),
        },
    }


def _crd(kind: _Kind) -> dict[str, Any]:
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": kind.columns,
        "subresources": {"status": {}, **kind.subresources},
        "schema": {"openAPIV3Schema": _root(kind)},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{GROUP}",
            "labels": {"app.kubernetes.io/name": "paceline", "app.kubernetes.io/part-of": "paceline"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short],
                "categories": ["paceline"],
            },
            "versions": [version],
        },
    }


def render() -> dict[str, str]:
    """All CRDs as YAML text by file name."""
    crds = [_crd(kind) for kind in _KINDS]
    return {f"{crd['metadata']['name']}.yaml": _HEADER + _yaml(crd) for crd in crds}


class _Dumper(yaml.SafeDumper):
    """Writes equal parts twice: anchors are for machines."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
