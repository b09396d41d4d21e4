"""What one entry of a Gateway's routes is translated in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from paceline.api import gateway_reasons as reasons
from paceline.api.backend_spec import ModelDeploymentBackend
from paceline.api.conditions import parse_stamp
from paceline.api.gateway import Gateway
from paceline.api.gateway_spec import Price
from paceline.gateway.observation import Model, Observation, Site
from paceline.gateway.texts import Texts
from paceline.gateway.unresolved import Unresolved


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was read, ready to be looked up.

    Attributes:
        models: By namespace and name.
        prices: Models and backends ("" for every one) with a price that holds now.
    """

    gateway: Gateway
    site: Site
    texts: Texts
    models: Mapping[tuple[str, str], Model]
    prices: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, seen: Observation, prices: Iterable[Price]) -> Surroundings:
        """Those of a Gateway with these prices."""
        return cls(
            gateway=seen.gateway,
            site=seen.site,
            texts=seen.texts,
            models={(each.md.namespace, each.md.name): each for each in seen.models},
            prices=frozenset((each.model, each.backend or "") for each in prices if _holds(each, seen.now)),
        )

    def priced(self, model: str, backend: str) -> bool:
        """Whether tokens of a model cost something known at a backend."""
        return (model, backend) in self.prices or (model, "") in self.prices

    def model(self, wanted: ModelDeploymentBackend) -> Model:
        """The ModelDeployment that a backend names, as far as it may.

        Raises:
            Unresolved: there is none. Of another namespace nobody learns whether there is one that does not consent.
        """
        own = self.gateway.namespace
        namespace = wanted.namespace or own
        found = self.models.get((namespace, wanted.name))
        if namespace != own and (found is None or not found.md.spec.consents_to(own)):
            words = f"there is no ModelDeployment {namespace}/{wanted.name} that is shared with {own}"
            raise Unresolved(reasons.NOT_PERMITTED, words)
        if found is None:
            raise Unresolved(reasons.BACKEND_MISSING, f"there is no ModelDeployment {namespace}/{wanted.name}")
        return found


def _holds(price: Price, now: datetime) -> bool:
    since = parse_stamp(price.effective_time)
    return since is None or since <= now
