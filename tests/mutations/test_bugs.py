"""Would the suite notice? Each planted bug must make the one test fail that is there for it.

A few each run, others every day; all of them with PACELINE_TEST_SIZE=full. PACELINE_BUGS_FROM=n begins at the n-th.
"""

from __future__ import annotations

import datetime
import os

import pytest

from tests.mutations.bugs import BUGS, PACKAGE, Bug, outcome, plant

SHORT = 3
_FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
_FROM = int(os.environ.get("PACELINE_BUGS_FROM", datetime.datetime.now(datetime.UTC).toordinal() * SHORT)) % len(BUGS)
SELECTED = BUGS if _FULL else [(BUGS * 2)[_FROM + place] for place in range(SHORT)]


def test_there_are_twenty():
    assert len(BUGS) >= 20
    assert len({bug.name for bug in BUGS}) == len(BUGS)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_still_has_a_place_in_the_code(bug: Bug):
    assert (PACKAGE / bug.file).read_text().count(bug.old) == 1, f"{bug.file} has changed: bring bugs.yaml up to date"


@pytest.mark.parametrize("bug", SELECTED, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(bug: Bug, tmp_path):
    ran = outcome(bug.test, plant(bug, tmp_path))
    assert ran.returncode == 1, f"{bug.test} did not fail:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}"
    name = bug.test.rpartition("::")[2]
    assert f"FAILED {bug.test.partition('::')[0]}" in ran.stdout, ran.stdout[-2000:]
    assert name in ran.stdout


@pytest.mark.parametrize("test", sorted({bug.test for bug in SELECTED}))
def test_without_a_bug_it_passes(test: str):
    ran = outcome(test, PACKAGE.parent)
    assert ran.returncode == 0, ran.stdout[-2000:]
