"""How an agent runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line says.

    Attributes:
        gateway: namespace/name.
        pod: Name of the pod, for reports.
        operator: URL of the operator's snapshots.
        ledger: URL of the ledger.
        ca_file: Who may have signed their certificates; None: whoever the machine trusts.
        token_file: The pod's token; it is exchanged from time to time.
        folder: Of Envoy's files, in memory. What the agent itself keeps is below it.
        logs: Folder of Envoy's logs.
        port: For probes and Prometheus.
        local_port: On loopback: the list of models, which Envoy asks for, and the beginning of a drain.
        addresses_port: On loopback: addresses of pods, on a stream for Envoy.
        admin: URL of Envoy's admin interface.
        drain_seconds: The longest that answers are waited for.
        settle_seconds: How long a drain lasts at least: until nobody sends new requests here.
        rotate_bytes: Size at which the log is exchanged for a new one.
        most_bytes: Of all logs together. More is thrown away, the oldest first.
    """

    gateway: str
    pod: str
    operator: str
    ledger: str
    ca_file: Path | None
    token_file: Path
    folder: Path
    logs: Path
    host: str = "0.0.0.0"  # noqa: S104 - a container's service
    port: int = 9003
    local_port: int = 9002
    addresses_port: int = 9007
    admin: str = "http://127.0.0.1:9001"
    drain_seconds: float = 600
    settle_seconds: float = 5
    rotate_bytes: int = 64 << 20
    most_bytes: int = 2 << 30
