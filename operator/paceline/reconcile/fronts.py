"""Where users ask each ModelDeployment, and what they met there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from paceline.api.names import child_name, endpoint
from paceline.decide.front import Door, Front, address
from paceline.decide.gateway_status import address as address_of
from paceline.kube.resources import Key
from paceline.reconcile.desk import Desk
from paceline.reconcile.gateway import Standing
from paceline.reconcile.measures import Measures


class Fronts:
    """Puts together what Gateways and the ledger say of a ModelDeployment.

    Args:
        models: The desk of ModelDeployments.
        standings: Of all Gateways that were looked at.
        complete: Whether every Gateway was.
        measures: What the ledger told.
    """

    def __init__(
        self, models: Desk, standings: Mapping[Key, Standing], complete: Callable[[], bool], measures: Measures
    ) -> None:
        self._models = models
        self._standings = standings
        self._complete = complete
        self._measures = measures
        self._known = False

    def front(self, key: Key, told: str) -> Front:
        """Of one ModelDeployment.

        Args:
            key: Of it.
            told: The endpoint that its status has.
        """
        found = [each for each in self._standings.values() if key in each.answers]
        found.sort(key=lambda each: each.work.gateway.seniority)
        url = address([Door(address_of(each.work.gateway), each.reached) for each in found], told)
        met = self._measures.met(key) if url else None
        return Front(self._complete(), url, met, lost=bool(url) and self._measures.lost)

    def led(self, models: Iterable[Key]) -> None:
        """A Gateway leads to these otherwise than before, or a Gateway was looked at for the first time."""
        for key in models:
            self._models.look_soon_at(key)
        if not self._known and self._complete():
            self._known = True
            for key, owner in self._models.cache.owners.items():
                if (owner.body.get("status") or {}).get("endpoint") not in (None, _own(key)):
                    self._models.look_soon_at(key)


def _own(key: Key) -> str:
    """The address of the engines themselves."""
    return endpoint(key.namespace, child_name(key.namespace, key.name))
