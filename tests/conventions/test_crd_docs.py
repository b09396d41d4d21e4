"""The page of a kind names every field, column and enum value of its CRD."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CRDS = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))]


def page(crd: dict[str, Any]) -> str:
    return (ROOT / "docs" / "reference" / f"{crd['spec']['names']['singular']}.md").read_text()


def fields(node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field with its name, also those of the items of lists."""
    for name, child in node.get("properties", {}).items():
        yield name, child
        yield from fields(child)
    if "items" in node:
        yield from fields(node["items"])


each_crd = pytest.mark.parametrize("crd", CRDS, ids=[crd["metadata"]["name"] for crd in CRDS])


@each_crd
def test_every_field_and_value_has_its_place_on_the_page(crd):
    version = crd["spec"]["versions"][0]
    root = version["schema"]["openAPIV3Schema"]["properties"]
    words = set(re.findall(r"[A-Za-z0-9/%-]+", page(crd)))
    for part in ("spec", "status"):
        for name, node in fields(root[part]):
            values = {*node.get("enum", []), *node.get("items", {}).get("enum", [])}
            assert {name, *values} - words == set(), f"{part}: {name}"
    assert {column["name"] for column in version["additionalPrinterColumns"]} - words == set()


@each_crd
def test_manifests_on_the_page_hold_only_fields_that_exist(crd):
    version = crd["spec"]["versions"][0]
    root = version["schema"]["openAPIV3Schema"]["properties"]
    known = {name for part in ("spec", "status") for name, _ in fields(root[part])}
    for block in re.findall(r"```yaml\n(.*?)```", page(crd), flags=re.DOTALL):
        for manifest in yaml.safe_load_all(block):
            if manifest.get("kind") == crd["spec"]["names"]["kind"]:
                used = set(
                    re.findall(r"^ +(?:- )?([A-Za-z0-9]+):", yaml.safe_dump(manifest["spec"]), flags=re.MULTILINE)
                )
                assert used - known == set()
