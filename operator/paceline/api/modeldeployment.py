"""The kind ModelDeployment as the operator reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from paceline.api.base import describe
from paceline.api.conditions import Condition, conditions_of
from paceline.api.spec import Spec
from paceline.errors import Stalled

GROUP = "paceline.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ModelDeployment"
PLURAL = "modeldeployments"

#: Columns, owners and child names have room for this many characters of a name, so nothing is ever truncated.
MAX_NAME = 52


@dataclass(frozen=True, slots=True)
class ModelDeployment:
    """One ModelDeployment: who it is, what it asks for and what it last said about itself.

    Attributes:
        generation: metadata.generation, moves with every change of the spec.
        conditions: What status held when this was read; garbage in a forged status is left out.
    """

    namespace: str
    name: str
    uid: str
    generation: int
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
            Stalled: reason InvalidSpec; possible only for objects stored under an older CRD, because the schema
                refuses the rest at admission.
        """
        metadata = obj["metadata"]
        try:
            spec = Spec.model_validate(obj.get("spec") or {})
        except ValidationError as error:
            raise Stalled("InvalidSpec", f"{describe(error, 'spec')}. Correct the spec and apply it again.") from error
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            spec=spec,
            conditions=conditions_of(obj.get("status")),
        )
