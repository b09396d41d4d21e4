"""The schema of our kind as it is checked in, and every field in it. New fields are found here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
CRD = ROOT / "crds" / "modeldeployments.paceline.dev.yaml"


@dataclass(frozen=True)
class Field:
    """One place of the schema.

    Attributes:
        path: Such as spec.template.tolerations[].key; {} stands for the values of a map.
        schema: What may stand there.
        required: Its parent cannot be without it.
    """

    path: str
    schema: Schema
    required: bool = False

    @property
    def leaf(self) -> bool:
        """Nothing is below it."""
        return not any(key in self.schema for key in ("properties", "items", "additionalProperties"))


@cache
def spec_schema() -> Schema:
    """Schema of spec, with the rules that stand there."""
    crd = yaml.safe_load(CRD.read_text())
    found: Schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def fields(schema: Schema | None = None) -> tuple[Field, ...]:
    """Every field below spec, parents before children."""
    return tuple(_walk("spec", schema or spec_schema(), required=True))[1:]


def leaves(schema: Schema | None = None) -> frozenset[str]:
    """Paths of the fields that hold values."""
    return frozenset(field.path for field in fields(schema) if field.leaf)


def children(path: str, schema: Schema) -> Iterator[tuple[str, str, Schema, bool]]:
    """The parts of a field: name, path, schema and whether they are required. "[]" and "{}" name items and values."""
    for name, child in schema.get("properties", {}).items():
        yield name, f"{path}.{name}", child, name in schema.get("required", ())
    if "items" in schema:
        yield "[]", f"{path}[]", schema["items"], False
    if "additionalProperties" in schema:
        yield "{}", f"{path}{{}}", schema["additionalProperties"], False


def _walk(path: str, schema: Schema, *, required: bool) -> Iterator[Field]:
    yield Field(path, schema, required)
    for _, below, child, needed in children(path, schema):
        yield from _walk(below, child, required=needed)


def rules(schema: Schema | None = None) -> tuple[tuple[str, dict[str, str]], ...]:
    """Every CEL rule below spec, with the path of the field where it stands."""
    whole = schema or spec_schema()
    every = _walk("spec", whole, required=True)
    return tuple((field.path, rule) for field in every for rule in field.schema.get("x-kubernetes-validations", ()))
