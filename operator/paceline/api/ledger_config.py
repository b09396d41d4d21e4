"""What the ledger must know of consumers, gateways and models: one document, written by the operator or by hand.

A document has a generation; one that is older than the ledger's is refused. Names are namespace/name throughout.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field, model_validator

from paceline.api.base import Model
from paceline.api.consumer_spec import GRACE_SECONDS, Budget
from paceline.api.gateway_spec import Price
from paceline.api.route_spec import Waiting
from paceline.api.slo_spec import SloSpec

Name = Annotated[str, Field(min_length=1, max_length=256)]
#: namespace/name.
Object = Annotated[str, Field(max_length=317, pattern=r"^[^/\s]+/[^/\s]+$")]
#: Where an engine is reached, such as http://10.0.0.7:8000.
EngineUrl = Annotated[str, Field(max_length=512, pattern=r"^https?://[^/\s]+$")]


class LedgerConsumer(Model):
    """A Consumer, as far as the ledger is concerned.

    Attributes:
        gateways: Those that answer it; their deny lists name it.
        clients: Ids that its requests carry through the gateways, by which the deny lists name it.
        priority: 0 goes first where requests wait.
    """

    name: Object
    team: str = Field("", max_length=256)
    gateways: tuple[Object, ...] = ()
    clients: tuple[Name, ...] = ()
    budgets: tuple[Budget, ...] = ()
    max_concurrent_requests: int | None = Field(None, ge=1)
    priority: int = Field(5, ge=0, le=9)
    suspended: bool = False

    @property
    def hard(self) -> bool:
        """Whether a budget is never to be exceeded."""
        return any(each.mode == "Hard" for each in self.budgets)

    @property
    def reserves(self) -> bool:
        """Whether each of its requests must be noted in the store before it goes on."""
        return self.hard or self.max_concurrent_requests is not None

    @property
    def grace_seconds(self) -> int:
        """How long it is served on its last verdict while the store is gone; that of its strictest budget."""
        return min((each.grace for each in self.budgets), default=GRACE_SECONDS)


class LedgerBackend(Model):
    """Who may answer a route's requests, for their price.

    Attributes:
        model: The name that it knows the model by.
    """

    name: Name
    model: Name


class LedgerRoute(Model):
    """A model name of a gateway.

    Attributes:
        backends: All that may answer; the dearest counts.
        attempts: How often a request is sent at most.
        longest_seconds: What the answer may take, all attempts together, without the wait for an engine.
        prompt_bytes: Of the system prompt that the gateway adds.
        context_tokens: What the model can read at most; None where that is not known.
        deployment: The ModelDeployment for whose engines requests wait; "": they wait for none.
    """

    model: Name
    backends: tuple[LedgerBackend, ...] = ()
    attempts: int = Field(1, ge=1, le=34)
    longest_seconds: int = Field(600, ge=1, le=86400)
    prompt_bytes: int = Field(0, ge=0)
    context_tokens: int | None = Field(None, ge=1)
    deployment: str = ""
    waiting: Waiting = Waiting()


class LedgerGateway(Model):
    """A Gateway. It stays in the document until its last pod is gone: the records of others are not taken.

    Attributes:
        anonymous: Callers without a key are answered; they have no budget.
    """

    name: Object
    prices: tuple[Price, ...] = ()
    routes: tuple[LedgerRoute, ...] = ()
    anonymous: bool = False


class EngineMetrics(Model):
    """What an engine's metrics are called, by which a replica of the ledger learns what is under way when it begins.

    Attributes:
        running: Gauge of the requests that are computed.
        waiting: Gauge of those that wait within the engine; "" where it has none.
    """

    path: str = Field("/metrics", max_length=256, pattern=r"^/")
    running: str = Field("vllm:num_requests_running", min_length=1, max_length=256)
    waiting: str = Field("vllm:num_requests_waiting", max_length=256)


class LedgerDeployment(Model):
    """A ModelDeployment that answers, and for whose engines requests wait where their route says so.

    Attributes:
        capacity_per_engine: Requests that one engine may have in flight.
        engines: How many are ready.
        engine_urls: Where their metrics are read; empty where they are not.
        slo: What its users are to meet; None without an objective.
    """

    name: Object
    capacity_per_engine: int = Field(ge=1, le=1_000_000)
    engines: int = Field(0, ge=0, le=100_000)
    engine_urls: tuple[EngineUrl, ...] = ()
    metrics: EngineMetrics = EngineMetrics()
    slo: SloSpec | None = None

    @property
    def capacity(self) -> int:
        """Requests that may be in flight; 0 while it is at zero."""
        return self.capacity_per_engine * self.engines


class LedgerConfig(Model):
    """The whole document.

    Attributes:
        generation: Goes up with each change.
    """

    generation: int = Field(ge=1, le=2**53)
    consumers: tuple[LedgerConsumer, ...] = ()
    gateways: tuple[LedgerGateway, ...] = ()
    deployments: tuple[LedgerDeployment, ...] = ()

    @model_validator(mode="after")
    def _names_are_clear(self) -> Self:
        _once("consumers", (each.name for each in self.consumers))
        _once("gateways", (each.name for each in self.gateways))
        _once("deployments", (each.name for each in self.deployments))
        known = {each.name for each in self.deployments}
        for gateway in self.gateways:
            _once(f"routes of gateway {gateway.name}", (each.model for each in gateway.routes))
            for route in gateway.routes:
                if route.deployment and route.deployment not in known:
                    raise ValueError(
                        f"route {route.model} of gateway {gateway.name} waits for deployment {route.deployment}, which "
                        "is not in deployments; add it, or leave deployment empty"
                    )
        return self


def _once(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} name {name} twice; keep one of them")
        seen.add(name)
