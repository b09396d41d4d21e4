"""How a replica of the ledger runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paceline.ledger.retention import Retention


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings that are the same as long as the process runs.

    Attributes:
        replica: Its own name among the replicas.
        replicas: URLs of all replicas by name, such as http://ledger-0.ledger:8080; empty where it is the only one.
        peer_token_file: Token by which replicas know each other.
        config_file: The document, read again when it changes; None: it comes by PUT.
        tls: Folder with the certificate that is shown and its key; None: plain HTTP.
        ca_file: Who may have signed the certificates of other replicas; None: whom the machine trusts.
        look_seconds: Between looks at what other replicas have recorded and been told.
        drain_seconds: For requests that wait for an engine, after SIGTERM.
    """

    host: str = "0.0.0.0"  # noqa: S104 - a container's service
    port: int = 8080
    replica: str = "ledger"
    replicas: Mapping[str, str] = field(default_factory=dict)
    peer_token_file: Path | None = None
    config_file: Path | None = None
    tls: Path | None = None
    ca_file: Path | None = None
    look_seconds: float = 0.25
    drain_seconds: float = 30.0
    retention: Retention = field(default_factory=Retention)

    @property
    def names(self) -> tuple[str, ...]:
        """All replicas."""
        return tuple(self.replicas) or (self.replica,)

    def peer_token(self) -> str:
        """The token for other replicas, as it is now; "" where there is none."""
        return self.peer_token_file.read_text(encoding="utf-8").strip() if self.peer_token_file else ""
