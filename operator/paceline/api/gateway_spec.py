"""Gateway.spec: which model names are served to whom by which backends."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from paceline.api.affinity import Key, LabelSelector
from paceline.api.backend_spec import UpstreamModel
from paceline.api.base import LABEL_PATTERN, DecimalText, Model, cel, member, only, rules
from paceline.api.conditions import parse_stamp
from paceline.api.hosts import Hostname
from paceline.api.references import OBJECT_PATTERN, SecretName
from paceline.api.route_spec import Route

ServiceType = Literal["ClusterIP", "NodePort", "LoadBalancer"]
Authentication = Literal["Required", "None"]
Governance = Literal["Optional", "Required"]
ConsumersFrom = Literal["SameNamespace", "Selector"]
RoutesFrom = Literal["List", "AllModelDeployments"]


class GatewayService(Model):
    """service is the Service by which clients reach the gateway."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            only(
                "loadBalancerClass",
                "self.type == 'LoadBalancer'",
                "may not be set: only a Service of type LoadBalancer has a class; remove service.loadBalancerClass or "
                "set service.type to LoadBalancer",
            )
        )
    )

    type: ServiceType = Field(
        "ClusterIP",
        description="type of the Service: ClusterIP, NodePort or LoadBalancer. Default: ClusterIP.",
    )
    annotations: dict[Key, Annotated[str, Field(max_length=4096)]] = Field(
        default_factory=dict,
        max_length=32,
        description="annotations are added to the Service, for whoever makes its load balancer.",
        json_schema_extra=rules(
            cel(
                "self.all(key, !key.matches('(^|[.])paceline[.]dev/'))",
                message="may not hold annotations of paceline.dev, by which paceline knows its own; remove them",
            )
        ),
    )
    load_balancer_class: Key | None = Field(
        None,
        description="loadBalancerClass says which implementation makes the load balancer. It cannot be changed later. "
        "Default: the cluster's.",
    )


class ListenerTls(Model):
    """tls is the certificate that the gateway shows."""

    secret_ref: SecretName = Field(
        description="secretRef is a Secret of type kubernetes.io/tls: tls.crt has the certificate, tls.key its key."
    )


class Listener(Model):
    """listener says where the gateway listens."""

    port: int = Field(
        8080, ge=1, le=65535, description="port of the Service at which clients reach the gateway. Default: 8080."
    )
    hostnames: tuple[Hostname, ...] = Field(
        (),
        max_length=16,
        description="hostnames are the hosts that requests may be for, such as llm.example.com or *.example.com. "
        "Default: every host.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    tls: ListenerTls | None = Field(
        None, description="tls is the certificate that the gateway shows. Default: none, and clients speak plain http."
    )


class AllowedConsumers(Model):
    """allowedConsumers says whose Consumers may refer to this Gateway."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            member("selector", "Selector", of="allowedConsumers"),
            cel(
                "!has(self.selector) || has(self.selector.matchLabels) && self.selector.matchLabels.size() > 0 || "
                "has(self.selector.matchExpressions) && self.selector.matchExpressions.size() > 0",
                message="must have matchLabels or matchExpressions, because an empty selector would let in all "
                "namespaces; to allow all, write the expression {key: kubernetes.io/metadata.name, operator: Exists}",
                field=".selector",
            ),
        )
    )

    type: ConsumersFrom = Field(
        "SameNamespace",
        description="type is SameNamespace (Consumers of the Gateway's own namespace) or Selector (also those of the "
        "namespaces that selector selects). Clients must accept values that they do not know. Default: SameNamespace.",
    )
    selector: LabelSelector | None = Field(
        None,
        description="selector selects namespaces by their labels; each has its name as kubernetes.io/metadata.name.",
    )


def _time(text: str) -> str:
    if parse_stamp(text) is None:
        raise ValueError("must be a time as in RFC 3339, such as 2026-10-01T00:00:00Z")
    return text


Time = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"}), AfterValidator(_time)]


class Price(Model):
    """What tokens of a model cost from some time on."""

    name: str = Field(
        min_length=1,
        max_length=128,
        pattern=OBJECT_PATTERN,
        description="name of the price. A new price is a new entry with its own effectiveTime, so that what was used "
        "before keeps its price.",
    )
    model: UpstreamModel = Field(
        description="model is what is priced: external.model of an External backend; of a ModelDeployment its served "
        "name, or the adapter."
    )
    backend: str | None = Field(
        None,
        min_length=1,
        max_length=63,
        pattern=LABEL_PATTERN,
        description="backend keeps the price to backends of this name, where several sell the same model. Such a price "
        "goes before one without. Default: every backend.",
    )
    effective_time: Time | None = Field(
        None,
        description="effectiveTime is when the price begins to hold; of several the latest that has come holds, and "
        "of those with the same time the one whose name sorts last. Default: always.",
    )
    input_per_million: DecimalText = Field(description="inputPerMillion is the price of a million tokens of prompts.")
    cached_input_per_million: DecimalText | None = Field(
        None,
        description="cachedInputPerMillion is the price of a million tokens of prompts that the backend had in its "
        "cache. Default: inputPerMillion.",
    )
    output_per_million: DecimalText = Field(
        description="outputPerMillion is the price of a million tokens of answers; 0 for embeddings."
    )


class GatewayLimits(Model):
    """limits bound what the gateway's memory can be filled with."""

    max_request_bytes: int = Field(
        33_554_432,
        ge=1024,
        le=268_435_456,
        description="maxRequestBytes is the largest body of a request; larger ones are answered 413. Default: 33554432 "
        "(32 MiB).",
    )
    max_connections: int = Field(
        20_000,
        ge=1,
        le=1_000_000,
        description="maxConnections is how many clients may be connected to one pod. Default: 20000.",
    )
    max_streams_per_connection: int = Field(
        100,
        ge=1,
        le=1000,
        description="maxStreamsPerConnection is how many requests may be under way on one connection of HTTP/2. "
        "Default: 100.",
    )


class GatewaySpec(Model):
    """spec is the wanted state of the gateway."""

    replicas: int = Field(
        2, ge=0, le=100, description="replicas is the wanted number of gateway pods; 0 stops all of them. Default: 2."
    )
    service: GatewayService = Field(
        GatewayService(), description="service is the Service by which clients reach the gateway."
    )
    listener: Listener = Field(Listener(), description="listener says where the gateway listens.")
    authentication: Authentication = Field(
        "Required",
        description="authentication is Required (who brings no key or token of a Consumer is answered 401) or None "
        "(everybody is answered, as a caller of audience External; for demonstrations only). Default: Required.",
    )
    governance: Governance = Field(
        "Optional",
        description="governance is Optional, or Required (a route without a valid automation level is answered 503, "
        "code route_not_governed). Default: Optional.",
    )
    allowed_consumers: AllowedConsumers = Field(
        AllowedConsumers(), description="allowedConsumers says whose Consumers may refer to this Gateway."
    )
    routes_from: RoutesFrom = Field(
        "List",
        description="routesFrom is List (what routes has) or AllModelDeployments (besides, every ModelDeployment of "
        "the namespace and its adapters, under their served names; an entry of routes goes before one of the same "
        "name). Clients must accept values that they do not know. Default: List.",
    )
    routes: tuple[Route, ...] = Field(
        (),
        max_length=256,
        description="routes say for each model name who answers.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["model"]},
    )
    prices: tuple[Price, ...] = Field(
        (),
        max_length=1024,
        description="prices are what usage is counted with. A model without a price costs nothing, and is refused to "
        "Consumers with a Hard budget.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    limits: GatewayLimits = Field(
        GatewayLimits(), description="limits bound what the gateway's memory can be filled with."
    )
