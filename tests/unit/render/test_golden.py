"""Children as they are rendered. A new case is a new folder tests/golden/render/<case> with an in.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from paceline import render
from paceline.api.modeldeployment import ModelDeployment
from tests.support import models
from tests.support.golden import ROOT, check_no_strays, golden

CASES = sorted(path.parent.name for path in (ROOT / "render").glob("*/in.yaml"))
EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "crds" / "examples").glob("modeldeployment-*.yaml"))


def rendered(md: ModelDeployment, profile: dict) -> str:
    hardware = models.hardware(**profile)
    children = models.children(md, hardware)
    key = render.engine_key(md, children)
    made = (*models.lookup(md, hardware), *((key,) if key else ()), *children)
    return yaml.safe_dump_all(made, sort_keys=False, allow_unicode=True, width=110)


@pytest.mark.parametrize("case", CASES)
def test_children_are_rendered_as_reviewed(case):
    given = yaml.safe_load((ROOT / "render" / case / "in.yaml").read_text())
    md = models.model(given["spec"], **given.get("metadata", {}))
    golden(f"render/{case}/out.yaml", rendered(md, given["profile"]))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_children_of_the_examples_are_rendered_as_reviewed(example):
    obj = yaml.safe_load(example.read_text())
    obj["metadata"] |= {"namespace": "default", "uid": "0b1c", "generation": 1}
    md = ModelDeployment.parse(obj)
    golden(f"render/examples/{example.stem}.yaml", rendered(md, {"name": md.spec.hardware.profile}))


def test_no_golden_file_is_left_of_a_case_that_is_gone():
    named = {f"{case}/{end}" for case in CASES for end in ("in.yaml", "out.yaml")}
    check_no_strays("render", named | {f"examples/{example.name}" for example in EXAMPLES})
