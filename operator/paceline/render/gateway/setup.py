"""What the operator's configuration says of all gateways."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GatewaySetup:
    """What the operator's configuration says of all gateways.

    Attributes:
        proxy_image: Envoy.
        agent_image: paceline itself.
        operator_url: Where agents get the configuration, by https.
        ledger_url: Where agents bring the records of requests, by https.
        adapter: Pods have somebody who checks answers.
        authority: Certificate, PEM, of who signs those of the operator and of the ledger.
    """

    proxy_image: str
    agent_image: str
    operator_url: str
    ledger_url: str
    authority: str
    adapter: bool = False
