"""What a translation reads: the objects, and what was seen of them. No secret is in here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from paceline.api.consumer import Consumer
from paceline.api.engine_spec import EngineType
from paceline.api.gateway import Gateway
from paceline.api.modeldeployment import ModelDeployment
from paceline.gateway.ir import Endpoint, Objective, Service

NO_OBJECTIVE = Objective()


@dataclass(frozen=True, slots=True)
class Serving:
    """The pods of a ModelDeployment that are of one revision.

    Attributes:
        revision: Their label paceline.dev/revision.
        engine: What runs in them.
        served_name: What they are asked for in "model".
        adapters: The names by which their adapters are asked for.
        endpoints: Of those that are ready.
        health_path: Answers 200 while an engine can serve; "" where none is known.
        locked: They answer only who brings the key of the ModelDeployment.
        context_tokens: What they read and write at most for a request; None where that is not known.
        capacity: Requests that one of them computes at a time; None where that is not known, and as many as come are
            let through.
    """

    revision: str
    engine: EngineType
    served_name: str
    adapters: tuple[str, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    health_path: str = ""
    locked: bool = False
    context_tokens: int | None = None
    capacity: int | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A ModelDeployment and what is seen of it.

    Attributes:
        servings: Its revisions that are in force or have pods, the one in force first.
        weights: Shares of its revisions by their label; empty: as many as each has pods that are ready.
        saturated: Its engines are full, so that further requests wait.
        objective: Targets of its requests.
    """

    md: ModelDeployment
    servings: tuple[Serving, ...] = ()
    weights: Mapping[str, int] = field(default_factory=dict)
    saturated: bool = False
    objective: Objective = NO_OBJECTIVE


@dataclass(frozen=True, slots=True)
class Site:
    """What the administrator gives to all gateways.

    Attributes:
        ledger: Who is asked for admission.
        hosts: Names of hosts that External backends may have, *.example.com for all below it, * for every one.
        adapter: The gateway's pods have somebody who checks answers against a schema.
        collector: Who gets spans of requests; None: nobody.
        traced_percent: Share of requests that have some.
        folder: Where Secrets are mounted in the gateway's pods, each in a folder of its own name.
        ca_file: Who may have signed the certificates of External backends.
        port: Where the gateway's container listens; the Service has the listener's.
    """

    ledger: Service
    hosts: tuple[str, ...] = ()
    adapter: bool = False
    collector: Service | None = None
    traced_percent: int = 1
    folder: str = "/etc/paceline/secrets"
    ca_file: str = "/etc/ssl/certs/ca-certificates.crt"
    port: int = 8080
    heap_bytes: int = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that the routes of one Gateway follow from.

    Attributes:
        gateways: All that are known, of every namespace.
        consumers: The same.
        models: The same.
        namespaces: Labels of namespaces. Of one that is not here only the name is known.
        labelled: Whether labels of namespaces can be read at all.
        texts: Of ConfigMaps of the Gateway's namespace, by their name and key; what is not here is missing.
        zones: Names of the time zones that there are.
        peers: The gateway's own pods that are ready.
        issuers: Key sets that are known already, by their issuers: that of the cluster itself.
        now: For prices that begin to hold.
    """

    gateway: Gateway
    site: Site
    now: datetime
    gateways: tuple[Gateway, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    models: tuple[Model, ...] = ()
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    labelled: bool = True
    texts: Mapping[tuple[str, str], str] = field(default_factory=dict)
    zones: frozenset[str] = frozenset({"UTC"})
    peers: tuple[Endpoint, ...] = ()
    issuers: Mapping[str, str] = field(default_factory=dict)
