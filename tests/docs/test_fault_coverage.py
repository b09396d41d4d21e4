"""The page of faults names tests that exist, and every fault of this kind."""

from __future__ import annotations

import re

import pytest

from tests.support.tree import ROOT, functions

PAGE = (ROOT / "docs" / "operations" / "fault-coverage.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "test"), NAMED, ids=lambda word: word)
def test_a_test_that_the_page_names_exists(file: str, test: str) -> None:
    path = ROOT / "tests" / file
    assert path.exists()
    assert test in {each.name for each in functions(path)}


def test_every_fault_has_a_row_with_a_test() -> None:
    assert len(NAMED) > 40
    rows = {match[1]: match[0] for match in re.finditer(r"^\| (F\d+) \|.*$", PAGE, re.MULTILINE)}
    told = set(re.findall(r"^- (F\d+), ", PAGE.partition("What is not promised")[2], re.MULTILINE))
    assert {f"F{number}" for number in range(1, 32)} == rows.keys() | told
    assert list(rows) == sorted(rows, key=lambda name: int(name[1:]))
    assert all("::test_" in row or "of F16" in row for row in rows.values())
