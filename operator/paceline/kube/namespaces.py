"""Labels of namespaces, by which Gateways choose whose Consumers they take: listed again and again, and not watched.

A watch would be quicker and hear of every annotation in the cluster; a label moves a Consumer once in a while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from paceline.errors import PacelineError, Stalled, Waiting
from paceline.kube.client import METADATA_LIST, Api
from paceline.kube.resources import NAMESPACES
from paceline.settings import boottime

log = logging.getLogger(__name__)

_FRESH_SECONDS = 5.0

Labels = Mapping[str, Mapping[str, str]]


@dataclass
class Namespaces:
    """What is known of them.

    Attributes:
        readable: Whether they may be asked for; an operator of some namespaces may not.
        labels: By namespace, as they were read last.
    """

    api: Api
    readable: bool
    clock: Callable[[], float] = boottime
    labels: Labels = field(default_factory=dict)
    _until: float = float("-inf")
    _refused: bool = False

    @property
    def known(self) -> bool:
        """Whether labels can be read."""
        return self.readable and not self._refused

    async def read(self) -> Labels:
        """The labels as they were 5 s ago at most.

        Raises:
            PacelineError: the API server cannot be asked.
        """
        if self.readable and self.clock() >= self._until:
            try:
                _, items = await self.api.items(NAMESPACES, None, accept=METADATA_LIST)
            except (Stalled, Waiting) as error:
                if not self._refused:
                    log.warning("labels of namespaces cannot be read: %s", error)
                self._refused = True
            else:
                self._refused = False
                self.labels = {each["metadata"]["name"]: each["metadata"].get("labels") or {} for each in items}
            self._until = self.clock() + _FRESH_SECONDS
        return self.labels

    async def run(self, wanted: Callable[[], bool], changed: Callable[[], None]) -> None:
        """Read on until cancelled.

        Args:
            wanted: Whether anybody asks for labels now.
            changed: Called when some are others than before.
        """
        before = self.known, self.labels
        while True:
            await asyncio.sleep(_FRESH_SECONDS)
            if not (self.readable and wanted()):
                continue
            try:
                now = await self.read()
            except PacelineError as error:
                log.warning("labels of namespaces are not read: %s", error)
                continue
            if (self.known, now) != before:
                before = self.known, now
                changed()
