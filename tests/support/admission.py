"""What the API server says about objects of every kind, as far as the schema and its rules tell without one."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from tests.acto.places import shown
from tests.acto.verdict import defaulted, violations
from tests.support.tree import ROOT


@cache
def spec_schema(plural: str) -> dict[str, Any]:
    """Schema of the spec of a kind."""
    crd = yaml.safe_load((ROOT / "crds" / f"{plural}.paceline.dev.yaml").read_text())
    found: dict[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def refusals(plural: str, spec: Any) -> dict[str, str]:
    """What is wrong with a spec: the words of each rule, or the kind of check, by field."""
    return {shown(each.place): each.words or each.kind for each in violations(spec, spec_schema(plural))}


def stored(plural: str, spec: Any) -> Any:
    """The spec with the schema's defaults."""
    return defaulted(spec, spec_schema(plural))
