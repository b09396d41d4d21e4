"""The configuration file in force, and its changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from paceline import metrics
from paceline.errors import Stalled
from paceline.settings import OperatorSettings

log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0
_AT_START = ("watch", "leader_election", "server")


class Configuration:
    """Reads the file every 2 s (a mounted ConfigMap is exchanged, not touched, so there is nothing to listen to).

    Args:
        path: The file.
        current: What it says now.
        changed: Called with the new settings.
    """

    def __init__(self, path: Path, current: OperatorSettings, changed: Callable[[OperatorSettings], None]) -> None:
        self.current = current
        self._path = path
        self._changed = changed
        self._bytes = self._read()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Take a changed file into force; a wrong one is logged once, and the last good one stays in force."""
        content = self._read()
        if content == self._bytes:
            return
        self._bytes = content
        try:
            settings = OperatorSettings.load(self._path)
        except Stalled as error:
            metrics.config_reloads_total.labels("refused").inc()
            log.error("the changed configuration is not used: %s", error)
            return
        metrics.config_reloads_total.labels("used").inc()
        waits = [name for name in _AT_START if getattr(settings, name) != getattr(self.current, name)]
        if waits:
            log.warning("changes of %s take effect at the next start", ", ".join(waits))
        self.current = settings
        log.info("the configuration changed: %d profiles", len(settings.profiles))
        self._changed(settings)

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError:
            return b""
