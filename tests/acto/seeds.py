"""Objects that are right as they are; each case changes one place of one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.acto.crd import Schema, children, spec_schema
from tests.acto.places import Place

FOLDER = Path(__file__).parent / "seeds"


@dataclass(frozen=True)
class Seed:
    """A right spec.

    Attributes:
        name: Of its file, and of the ModelDeployment.
        claims: Paths that are tried on this seed though others have them too; without any, all that no other claims.
        also: Paths that are tried on this seed besides the one whose turn it is, because they mean something else here.
    """

    name: str
    spec: Mapping[str, Any]
    claims: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    def claim(self, path: str) -> int:
        """How strongly it claims a path: the length of the longest claim that covers it; 0 for none."""
        covering = (claim for claim in self.claims if path == claim or path.startswith((f"{claim}.", f"{claim}[")))
        return max(map(len, covering), default=0)


@cache
def seeds() -> tuple[Seed, ...]:
    """Every seed."""
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        # By way of JSON, because a change in one alias of YAML would be one in all.
        content = json.loads(json.dumps(yaml.safe_load(path.read_text())))
        found.append(Seed(path.stem, content["spec"], tuple(content.get("claims", ())), tuple(content.get("also", ()))))
    return tuple(found)


def present(spec: Mapping[str, Any], schema: Schema | None = None) -> dict[str, Place]:
    """The fields that a spec has, each with the first place where it stands."""
    return dict(_present(("spec",), "spec", spec, schema or spec_schema()))


def _present(place: Place, path: str, value: Any, schema: Schema) -> Iterator[tuple[str, Place]]:
    for name, below, child, _ in children(path, schema):
        found = _first(name, value)
        if found is not None:
            yield below, (*place, found)
            yield from _present((*place, found), below, value[found], child)


def _first(name: str, value: Any) -> str | int | None:
    if name == "[]":
        return 0 if isinstance(value, list) and value else None
    if name == "{}":
        return next(iter(value), None) if isinstance(value, Mapping) else None
    return name if isinstance(value, Mapping) and value.get(name) is not None else None
