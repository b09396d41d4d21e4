"""What the operator makes of the examples, with the chart's own profiles and images."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from paceline import engines, render
from paceline.api.modeldeployment import ModelDeployment
from paceline.api.profile import find_profile
from paceline.reconcile.wanted import fetch_setup, images
from paceline.settings import OperatorSettings
from tests.support import models
from tests.support.helm import ROOT, case, only

EXAMPLES = tuple(sorted((ROOT / "crds" / "examples").glob("modeldeployment-*.yaml")))


@cache
def chart_settings() -> OperatorSettings:
    """The configuration that the chart gives the operator by default."""
    return OperatorSettings.parse(only(case("default"), "ConfigMap", "paceline-operator")["data"]["config.yaml"])


def children(example: Path, *, namespace: str = "models") -> list[dict[str, Any]]:
    """The children of the example's ModelDeployment."""
    obj = yaml.safe_load(example.read_text())
    obj["metadata"] |= {"namespace": namespace, "uid": "00000000-0000-4000-8000-000000000000", "generation": 1}
    md = ModelDeployment.parse(obj)
    settings = chart_settings()
    profile = find_profile(settings.profiles, md.spec.hardware.profile)
    plan = engines.plan(md, profile, images(settings))
    revision = replace(render.revision(md, profile, plan, models.files(md)), number=1)
    looked_up = render.lookup(md, profile, plan, fetch_setup(settings)) if render.asked(md) else ()
    return [dict(child) for child in (*looked_up, *render.children(md, revision, render.rolling(1, 0)))]
