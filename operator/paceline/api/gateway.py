"""The kind Gateway as the operator reads it. Its plural is never written bare: the Gateway API has one too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paceline.api.conditions import Condition, conditions_of
from paceline.api.gateway_spec import GatewaySpec
from paceline.api.kind import Object, identity, parse_spec

KIND = "Gateway"
PLURAL = "gateways"


@dataclass(frozen=True, slots=True)
class Gateway(Object):
    """One Gateway: who it is, what it asks for and what it last said about itself.

    Attributes:
        conditions: What status held when this was read; garbage in a forged status is left out.
    """

    spec: GatewaySpec
    conditions: tuple[Condition, ...] = field(default=())

    @classmethod
    def parse(cls, obj: Mapping[str, Any]) -> Gateway:
        """Read an object of the API server.

        Raises:
            Stalled: as in `parse_spec`.
        """
        return cls(*identity(obj), spec=parse_spec(GatewaySpec, obj), conditions=conditions_of(obj.get("status")))
