"""Logs: one JSON object a line, with the object a line is about, and without secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import TextIO

#: What looks like a credential, wherever it stands: headers, `token: …`, OpenAI and Hugging Face keys, JWTs, PEM keys.
_SECRETS = re.compile(
    r"""(?ix)
    (?P<keep> \b(?:bearer|basic)\s+
      | ["']?(?:authorization|password|passwd|secret|token|api[-_]?key)["']?\s*[:=]\s*["']? )
        (?! (?:bearer|basic)\s ) [^\s"',;&}]{4,}
    | \b(?: sk-[\w-]{16,} | hf_[A-Za-z0-9]{16,} | eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]* )
    | -----BEGIN\ [A-Z\ ]*PRIVATE\ KEY-----.*?-----END\ [A-Z\ ]*PRIVATE\ KEY-----
    """,
    re.DOTALL,
)
#: Attributes that a logging call may give in `extra` and that become fields.
_FIELDS = ("namespace", "name_of", "kind", "reason")
_LOUD = {"kopf": logging.WARNING, "aiohttp": logging.WARNING, "asyncio": logging.WARNING, "kubernetes": logging.WARNING}
#: Says at each start that signals are not handled in its thread, as if that were wrong.
_QUIET = {"kopf._core.reactor.running": logging.ERROR}


def redact(text: str) -> str:
    """The text with everything that looks like a credential replaced."""
    return _SECRETS.sub(lambda match: f"{match.group('keep') or ''}[redacted]", text)


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON; redaction is done here, so no logger can go around it."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object: time, level, logger, message, and what is known of the object."""
        line: dict[str, str] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        for name in _FIELDS:
            value = record.__dict__.get(name)
            if isinstance(value, str):
                line["name" if name == "name_of" else name] = value
        reference = record.__dict__.get("k8s_ref")  # kopf's loggers of objects
        if isinstance(reference, dict):
            line.update({name: str(reference[name]) for name in ("kind", "namespace", "name") if reference.get(name)})
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Send all logs to one stream (stderr) as JSON. kopf and the HTTP client speak from WARNING on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, quietest in _LOUD.items():
        logging.getLogger(name).setLevel(max(quietest, logging.getLevelName(level)))
    for name, quietest in _QUIET.items():
        logging.getLogger(name).setLevel(quietest)
