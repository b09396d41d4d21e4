"""The document as a file that is replaced by renaming another over it."""

from __future__ import annotations

import logging
from pathlib import Path

import yaml
from pydantic import ValidationError

from paceline.api.base import describe
from paceline.api.ledger_config import LedgerConfig
from paceline.ledger.service import metrics

_log = logging.getLogger(__name__)


class ConfigFile:
    """A file of YAML or JSON. What cannot be read leaves the last good document in force."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    def changed(self) -> LedgerConfig | None:
        """The document, if the file is another one than at the last look and is right."""
        try:
            found = self._path.stat()
            seen = found.st_mtime_ns, found.st_ino, found.st_size
            if seen == self._seen:
                return None
            text = self._path.read_bytes()
            self._seen = seen
            return LedgerConfig.model_validate(yaml.safe_load(text))
        except OSError as error:
            words = f"it cannot be read: {error.strerror}"
            # It is tried again with each look, and said once.
            if self._seen == (0, 0, 0):
                return None
            self._seen = (0, 0, 0)
        except yaml.YAMLError as error:
            words = f"it is not YAML: {error}"
        except ValidationError as error:
            words = describe(error, "document")
        metrics.config_refused_total.labels("Invalid").inc()
        _log.error("%s: %s. The document before is in force; correct the file.", self._path, words)
        return None
