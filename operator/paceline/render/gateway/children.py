"""All children of a Gateway."""

from __future__ import annotations

from collections.abc import Mapping

from paceline.api.gateway import Gateway
from paceline.render.gateway.authority import authority
from paceline.render.gateway.deployment import deployment
from paceline.render.gateway.disruption import disruption_budget
from paceline.render.gateway.identity import service_account
from paceline.render.gateway.service import service
from paceline.render.gateway.setup import GatewaySetup
from paceline.render.labels import Manifest

#: Of all children, with the stamp.
COUNT = 6


def children(gateway: Gateway, setup: GatewaySetup, mounted: Mapping[str, tuple[str, ...]]) -> tuple[Manifest, ...]:
    """The children in the order in which they are applied: what the pods need comes before the pods.

    Args:
        gateway: What is asked.
        setup: What holds for all gateways.
        mounted: Keys by the Secrets of the Gateway's namespace that its pods need.
    """
    return (
        service_account(gateway),
        authority(gateway, setup),
        service(gateway),
        disruption_budget(gateway),
        deployment(gateway, setup, mounted),
    )
