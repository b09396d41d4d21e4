"""Checking manifests against the generated CustomResourceDefinitions, as strictly as the API server does."""

from __future__ import annotations

from typing import Any

import jsonschema
import yaml

from tests.support.tree import ROOT


def kinds() -> dict[str, dict[str, Any]]:
    """Schema of each kind, from crds/*.yaml."""
    found = {}
    for path in sorted((ROOT / "crds").glob("*.yaml")):
        crd = yaml.safe_load(path.read_text())
        (version,) = crd["spec"]["versions"]
        found[crd["spec"]["names"]["kind"]] = strict(version["schema"]["openAPIV3Schema"])
    return found


def strict(schema: Any) -> Any:
    """A structural schema as JSON Schema that refuses unknown fields, except in metadata."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(value) for key, value in schema.items() if not key.startswith("x-kubernetes")}
    if schema.get("x-kubernetes-int-or-string"):
        result.pop("type", None)
    if isinstance(schema.get("properties"), dict):
        result["properties"] = {
            name: {"type": "object"} if name == "metadata" and "apiVersion" in schema["properties"] else strict(value)
            for name, value in schema["properties"].items()
        }
        result.setdefault("additionalProperties", False)
    return result


def problems(manifest: dict[str, Any]) -> list[str]:
    """What the schema of a manifest's kind says against it."""
    schema = kinds()[manifest["kind"]]
    found = jsonschema.Draft202012Validator(schema).iter_errors(manifest)
    return [f"{'.'.join(str(part) for part in error.absolute_path)}: {error.message}" for error in found]
