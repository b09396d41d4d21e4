"""The kind ModelDeployment as the operator reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paceline.api.conditions import Condition, conditions_of
from paceline.api.kind import Object, identity, parse_spec
from paceline.api.spec import Spec

KIND = "ModelDeployment"
PLURAL = "modeldeployments"


@dataclass(frozen=True, slots=True)
class ModelDeployment(Object):
    """One ModelDeployment: who it is, what it asks for and what it last said about itself.

    Attributes:
        conditions: What status held when this was read; garbage in a forged status is left out.
    """

    spec: Spec
    conditions: tuple[Condition, ...] = field(default=())

    @property
    def served_name(self) -> str:
        """The name that clients put into "model"."""
        return self.spec.model.served_name or self.name

    @classmethod
    def parse(cls, obj: Mapping[str, Any]) -> ModelDeployment:
        """Read an object of the API server.

        Raises:
            Stalled: as in `parse_spec`.
        """
        return cls(*identity(obj), spec=parse_spec(Spec, obj), conditions=conditions_of(obj.get("status")))
