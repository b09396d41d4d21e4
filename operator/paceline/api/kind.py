"""What all kinds share: their group and version, the room for a name, and how an object is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from paceline.api.base import Model, describe
from paceline.api.conditions import parse_stamp
from paceline.errors import Stalled

GROUP = "paceline.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

#: Columns, owners and child names have room for this many characters of a name, so nothing is ever truncated.
MAX_NAME = 52

SpecModel = TypeVar("SpecModel", bound=Model)


@dataclass(frozen=True, slots=True)
class Object:
    """Who an object is: the begin of every kind as the operator reads it.

    Attributes:
        generation: metadata.generation, moves with every change of the spec.
        created: metadata.creationTimestamp; far in the future where there is none.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    created: datetime

    @property
    def seniority(self) -> tuple[datetime, str, str]:
        """Of objects that claim the same, the one with the least of these has it: the older, then by name."""
        return (self.created, self.namespace, self.name)


def identity(obj: Mapping[str, Any]) -> tuple[str, str, str, int, datetime]:
    """The fields of `Object`, of an object of the API server."""
    metadata = obj["metadata"]
    return (
        metadata["namespace"],
        metadata["name"],
        metadata["uid"],
        metadata.get("generation", 0),
        parse_stamp(metadata.get("creationTimestamp")) or datetime.max.replace(tzinfo=UTC),
    )


def parse_spec(model: type[SpecModel], obj: Mapping[str, Any]) -> SpecModel:
    """Read the spec of an object of the API server.

    Raises:
        Stalled: reason InvalidSpec; possible only for objects stored under an older CRD, because the schema
            refuses the rest at admission.
    """
    try:
        return model.model_validate(obj.get("spec") or {})
    except ValidationError as error:
        raise Stalled("InvalidSpec", f"{describe(error, 'spec')}. Correct the spec and apply it again.") from error
