"""Objects as translations read them: parsed once for each of their versions, from the caches of three kinds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from paceline.api.consumer import Consumer
from paceline.api.gateway import Gateway
from paceline.api.modeldeployment import ModelDeployment
from paceline.errors import Stalled
from paceline.gateway.consumers import asks_for_labels
from paceline.gateway.observation import Model
from paceline.kube.cache import Cache
from paceline.kube.namespaces import Namespaces
from paceline.kube.resources import Key
from paceline.reconcile.children import children_of
from paceline.reconcile.served import served

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class _Kind(Protocol[T_co]):
    @classmethod
    def parse(cls, obj: Mapping[str, Any]) -> T_co:
        """Read an object."""


@dataclass
class _Parsed:
    """Objects of one kind by key, each with the version that it was read of; None for one that cannot be read."""

    known: dict[Key, tuple[str, Any]] = field(default_factory=dict)


@dataclass
class Neighbours:
    """What there is besides the one object that is looked at.

    Attributes:
        models: Cache of ModelDeployments and their children.
        namespaces: Labels of namespaces.
    """

    models: Cache
    gateways: Cache
    consumers: Cache
    namespaces: Namespaces
    _parsed: dict[str, _Parsed] = field(default_factory=dict)

    def every_gateway(self) -> tuple[Gateway, ...]:
        """All Gateways that can be read and are not on their way out."""
        return self._all(self.gateways, Gateway)

    def every_consumer(self) -> tuple[Consumer, ...]:
        """All Consumers that can be read and are not on their way out."""
        return self._all(self.consumers, Consumer)

    def selecting(self) -> list[Key]:
        """The Gateways that choose namespaces by labels."""
        return [Key(each.namespace, each.name) for each in self.every_gateway() if asks_for_labels(each)]

    async def labels_for(self, gateways: Iterable[Gateway]) -> Mapping[str, Mapping[str, str]]:
        """Labels of namespaces, as far as some Gateways ask for them.

        Raises:
            PacelineError: the API server cannot be asked.
        """
        return await self.namespaces.read() if any(asks_for_labels(each) for each in gateways) else {}

    def models_of(self, gateway: Gateway) -> tuple[Model, ...]:
        """The ModelDeployments that a Gateway may come to serve."""
        return tuple(found for key in sorted(self._wanted(gateway)) if (found := self.model(key)))

    def users_of(self, model: Key) -> list[Key]:
        """The Gateways that may serve a ModelDeployment."""
        return [Key(each.namespace, each.name) for each in self.every_gateway() if model in self._wanted(each)]

    def doors_of(self, consumer: Key) -> list[Key]:
        """The Gateways that a Consumer names now, and those that it may have named before."""
        found = self._one(self.consumers, Consumer, consumer)
        if found is None:
            return sorted(self.gateways.owners)
        return [Key(ref.namespace or found.namespace, ref.name) for ref in found.spec.gateway_refs]

    def callers_of(self, gateway: Key) -> list[Key]:
        """The Consumers that name a Gateway."""
        return [
            Key(each.namespace, each.name)
            for each in self.every_consumer()
            if any((ref.namespace or each.namespace, ref.name) == gateway for ref in each.spec.gateway_refs)
        ]

    def _wanted(self, gateway: Gateway) -> set[Key]:
        named = (
            Key(backend.model_deployment.namespace or gateway.namespace, backend.model_deployment.name)
            for route in gateway.spec.routes
            for backend in route.backends
            if backend.model_deployment
        )
        own = gateway.spec.routes_from == "AllModelDeployments"
        found = {key for key in self.models.owners if key.namespace == gateway.namespace} if own else set()
        return found | set(named)

    def model(self, key: Key) -> Model | None:
        """A ModelDeployment as it is now; None for one that cannot be read or is on its way out."""
        md = self._one(self.models, ModelDeployment, key)
        return served(md, children_of(self.models, key, md.uid)) if md else None

    def _all(self, cache: Cache, kind: type[_Kind[T]]) -> tuple[T, ...]:
        parsed = self._parsed.get(cache.family.itself.kind)
        if parsed:  # of what is gone nothing is remembered
            for key in parsed.known.keys() - cache.owners.keys():
                del parsed.known[key]
        return tuple(found for key in sorted(cache.owners) if (found := self._one(cache, kind, key)) is not None)

    def _one(self, cache: Cache, kind: type[_Kind[T]], key: Key) -> T | None:
        owner = cache.owners.get(key)
        if owner is None or owner.deleting:
            return None
        known = self._parsed.setdefault(cache.family.itself.kind, _Parsed()).known
        if key not in known or known[key][0] != owner.version:
            try:
                known[key] = (owner.version, kind.parse(owner.body))
            except Stalled:
                known[key] = (owner.version, None)
        found: T | None = known[key][1]
        return found
