"""The kind Consumer as the operator reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paceline.api.conditions import Condition, conditions_of
from paceline.api.consumer_spec import ConsumerSpec
from paceline.api.kind import Object, identity, parse_spec

KIND = "Consumer"
PLURAL = "consumers"


@dataclass(frozen=True, slots=True)
class Consumer(Object):
    """One Consumer: who it is, what it asks for and what it last said about itself.

    Attributes:
        conditions: What status held when this was read; garbage in a forged status is left out.
    """

    spec: ConsumerSpec
    conditions: tuple[Condition, ...] = field(default=())

    @classmethod
    def parse(cls, obj: Mapping[str, Any]) -> Consumer:
        """Read an object of the API server.

        Raises:
            Stalled: as in `parse_spec`.
        """
        return cls(*identity(obj), spec=parse_spec(ConsumerSpec, obj), conditions=conditions_of(obj.get("status")))
