"""The closed list of reasons, and its page."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from paceline.api.source import Report
from paceline.fetch import resolve
from paceline.fetch.reasons import REASONS
from tests.support.hub import Hub
from tests.support.modelfiles import model
from tests.support.tree import ROOT


def test_every_reason_has_its_place_on_the_page() -> None:
    page = (ROOT / "docs" / "reference" / "fetch.md").read_text()
    listed = dict(re.findall(r"^\| `([A-Z][A-Za-z]+)` \| (yes|no) \|", page, re.MULTILINE))
    assert {name: said == "yes" for name, said in listed.items()} == REASONS


def test_a_fault_of_ours_is_a_report_too(
    there: Hub, fetch: Callable[..., Report], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there.repository().commit(model())
    monkeypatch.setattr(resolve.weights, "together", lambda _: 1 / 0)
    failure = fetch("hf://org/model", tmp_path).failure
    assert failure is not None
    assert (failure.reason, failure.retry) == ("Unexpected", True)
    assert "ZeroDivisionError" in failure.message
