"""Which credentials Envoy cannot use. The agent itself does not have them; Envoy's counters tell."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Of each secret: files read, files that could not be read; of each cluster: requests that got no credential.
PATTERN = r"^(sds\..+\.(update_success|update_rejected|key_rotation_failed)|cluster\..+\.credential_injector\.failed)$"
_SECRET = re.compile(r"sds\.(.+)\.(update_success|update_rejected|key_rotation_failed)")
_CLUSTER = re.compile(r"cluster\.(.+)\.credential_injector\.failed")
_FILE = re.compile(r'"filename": ?"([^"\\]+)"')
#: How long a credential counts as empty after a request got none; Envoy reads files each 10 s.
_EMPTY_SECONDS = 60.0


class Credentials:
    """What is known of them.

    A file that is not there is refused when Envoy reads it, each ten seconds; one that was read before goes on being
    used. An empty one is known when a request needs it.
    """

    def __init__(self) -> None:
        self._counters: Mapping[str, int] = {}
        self._missing: set[str] = set()
        self._empty: dict[str, float] = {}

    def look(self, counters: Mapping[str, int], now: float) -> None:
        """Take Envoy's counters; one that fell is that of another Envoy.

        Args:
            counters: Those that `PATTERN` finds.
            now: Seconds.
        """
        before, self._counters = self._counters, counters
        grown = {name for name, value in counters.items() if value > before.get(name, 0) or value < before.get(name, 0)}
        read = {match[1] for name in grown if (match := _SECRET.fullmatch(name)) and match[2] == "update_success"}
        refused = {
            match[1]
            for name in grown
            if counters[name] and (match := _SECRET.fullmatch(name)) and match[2] != "update_success"
        }
        self._missing = (self._missing - read) | refused
        for name in grown:
            if counters[name] and (match := _CLUSTER.fullmatch(name)):
                self._empty[match[1]] = now
        self._empty = {name: at for name, at in self._empty.items() if now - at < _EMPTY_SECONDS}

    def wanting(self, files: Mapping[str, str]) -> list[str]:
        """Files that are missing or empty.

        Args:
            files: The program's, by place.
        """
        names = sorted(self._missing | self._empty.keys())
        return sorted({path for name in names for path in _FILE.findall(files.get(f"sds/{name}.json", ""))})
