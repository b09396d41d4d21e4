"""How an adapter runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line says.

    Attributes:
        folder: Of Envoy's files; what answers must be like is in its folder checks.
        asking: URL on loopback where Envoy answers the adapter's requests.
        local_port: On loopback: where Envoy brings requests.
        port: For probes and Prometheus.
        most_requests: Under way at a time; further ones are answered 503.
        most_bytes: Of requests and answers that are held at a time; beyond it the same.
        answer_bytes: Of one answer.
        workers: Processes that check.
        check_seconds: How long the check of one answer may take.
    """

    folder: Path
    asking: str = "http://127.0.0.1:9005"
    local_port: int = 9004
    host: str = "0.0.0.0"  # noqa: S104 - a container's service
    port: int = 9006
    most_requests: int = 256
    most_bytes: int = 64 << 20
    answer_bytes: int = 8 << 20
    workers: int = 2
    check_seconds: float = 2.0
