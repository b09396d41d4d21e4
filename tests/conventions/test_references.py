"""The reference pages list everything that a user can meet: conditions, metrics, values, commands."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

from paceline import metrics
from paceline.adapter import metrics as adapter_metrics
from paceline.agent import metrics as agent_metrics
from paceline.cli.main import COMMANDS
from paceline.ledger.service import metrics as ledger_metrics
from tests.support.reasons import EVERY
from tests.support.tree import ROOT

REFERENCE = ROOT / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text()


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_reason_of_a_condition_has_its_place_on_the_page() -> None:
    listed = set(re.findall(r"`([A-Z][A-Za-z]+)`", page("conditions.md")))
    known = {reason.name for reasons in EVERY.values() for reason in reasons}
    assert known
    assert known - listed == set()


def test_every_metric_has_its_place_on_the_page() -> None:
    listed = set(re.findall(r"`(paceline_[a-z_]+)", page("metrics.md")))
    exposed = set()
    registries = (metrics.REGISTRY, ledger_metrics.REGISTRY, agent_metrics.REGISTRY, adapter_metrics.REGISTRY)
    for family in (family for registry in registries for family in registry.collect()):
        if family.name.startswith("paceline_"):
            exposed.add(family.name + ("_total" if family.type == "counter" else ""))
    assert exposed
    assert exposed - listed == set()
    assert {name for name in listed if not name.endswith(("_bucket", "_sum", "_count"))} - exposed == set()


def test_generated_pages_are_as_the_code_would_write_them_now() -> None:
    for path, render in generator().PAGES.items():
        assert path.read_text() == render(), f"{path.name} is stale: run `make verify`"


def test_every_command_has_its_place_on_the_page() -> None:
    assert set(re.findall(r"^## paceline (\S+)$", page("cli.md"), re.MULTILINE)) == set(COMMANDS)
