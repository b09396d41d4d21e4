"""Kinds as they are translated. A new case is a new folder tests/golden/gateway-translate/<case> with an in.yaml."""

from __future__ import annotations

import pytest

from paceline.api import consumer_reasons, gateway_reasons
from paceline.gateway.check import check
from paceline.gateway.translate import translate
from tests.support.golden import ROOT, check_no_strays, golden
from tests.support.translating import World, written

FOLDER = ROOT / "gateway-translate"
CASES = sorted(path.parent.name for path in FOLDER.glob("*/in.yaml"))
KNOWN = {"Gateway": gateway_reasons.BY_NAME, "Consumer": consumer_reasons.BY_NAME}


@pytest.mark.parametrize("case", CASES)
def test_kinds_are_translated_as_reviewed(case: str) -> None:
    world = World((FOLDER / case / "in.yaml").read_text())
    found = translate(world.observation, world.secrets)
    golden(f"gateway-translate/{case}/out.yaml", written(found))
    assert not check(found.gateway, world.secrets)
    assert all(each.reason in KNOWN[each.kind] for each in found.findings)
    assert not [value for value in world.secrets.values() if value in repr(found)]


def test_no_golden_file_is_left_of_a_case_that_is_gone() -> None:
    check_no_strays("gateway-translate", {f"{case}/{name}.yaml" for case in CASES for name in ("in", "out")})
