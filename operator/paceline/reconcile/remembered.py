"""What a leader before this one was told by agents: it holds until they have had time to say it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from paceline.api.conditions import CREDENTIALS_RESOLVED, PROGRAMMED, conditions_of
from paceline.decide.gateway_health import Report
from paceline.decide.observation import PodView
from paceline.kube.resources import JsonObject, Key
from paceline.settings import boottime

#: An agent repeats its report every 5 s, and may have to look for the leader for a few more.
_SECONDS = 15.0


@dataclass(slots=True)
class Remembered:
    """Reports of the time before this process led, by what the status says of them.

    Without them each term of leading would begin by saying of every Gateway and of all its Consumers that nothing is
    served.
    """

    clock: Callable[[], float] = boottime
    _first: dict[Key, tuple[float, int]] = field(default_factory=dict)

    def reports(self, key: Key, status: JsonObject, pods: Iterable[PodView]) -> Mapping[str, Report]:
        """By the names of pods.

        Args:
            key: A Gateway's.
            status: That it has; only the first one that is shown is somebody else's.
            pods: Its own.
        """
        until, generation = self._first.setdefault(key, (self.clock() + _SECONDS, _served(status)))
        if not generation or self.clock() >= until:
            return {}
        return {pod.name: Report(generation) for pod in pods if pod.ready}

    def forget(self, key: Key) -> None:
        """A Gateway is gone."""
        self._first.pop(key, None)


def _served(status: JsonObject) -> int:
    """The program that all pods had where all was well with them; else 0."""
    said = {one.type: one.status for one in conditions_of(status)}
    served = status.get("generationServed")
    well = said.get(PROGRAMMED) == said.get(CREDENTIALS_RESOLVED) == "True"
    return served if well and isinstance(served, int) else 0
