"""Every field of Gateway and Consumer, changed in every way: what is taken shows somewhere, or is said, or is listed.

No cluster is needed: all that a Gateway and a Consumer come to is made by pure functions.
"""

from __future__ import annotations

from functools import cache

import pytest
import yaml

from tests.acto import crd, doors
from tests.acto.cases import Case
from tests.acto.doors import kinds
from tests.acto.lists import FOLDER, NoEffect
from tests.acto.shown import Shown, shown
from tests.acto.verdict import violations

NAMES = [kind.name for kind in kinds()]


def listed() -> tuple[NoEffect, ...]:
    entries = yaml.safe_load((FOLDER / "no_effect_doors.yaml").read_text())
    return tuple(NoEffect(**{**entry, "changes": tuple(entry.get("changes", ()))}) for entry in entries)


def of(name: str) -> doors.Kind:
    return next(each for each in kinds() if each.name == name)


@cache
def silent(name: str) -> tuple[Case, ...]:
    """Right changes that mean something else than their seed, and come to the same."""
    kind = of(name)
    before: dict[str, Shown] = {seed: shown(name, spec) for seed, spec in kind.seeds.items()}
    assert not any(each.problem for each in before.values())
    meant = {seed: kind.meaning(spec) for seed, spec in kind.seeds.items()}
    taken = [case for case in doors.cases(name) if case.admitted and kind.meaning(case.spec) != meant[case.seed]]
    return tuple(case for case in taken if shown(name, case.spec) == before[case.seed])


@pytest.mark.parametrize("name", NAMES)
def test_every_right_change_shows_or_is_said_or_listed(name: str) -> None:
    wrong = [case.id for case in silent(name) if not any(entry.covers(case) for entry in listed())]
    assert not wrong


def test_no_entry_of_the_list_is_stale() -> None:
    covered = [case for name in NAMES for case in silent(name)]
    assert [entry for entry in listed() if not any(entry.covers(case) for case in covered)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_leaf_is_touched_by_a_right_and_by_a_wrong_value(name: str) -> None:
    kind = of(name)
    assert doors.unreached(kind) == ()
    for admitted in (True, False):
        touched = {case.path for case in doors.cases(name) if case.admitted is admitted}
        assert kind.leaves <= touched, sorted(kind.leaves - touched)


@pytest.mark.parametrize("name", NAMES)
def test_each_turn_of_the_short_form_touches_every_leaf_in_both_ways(name: str) -> None:
    for turn in (0, 7):
        part = doors.short(doors.cases(name), turn)
        for admitted in (True, False):
            assert of(name).leaves <= {case.path for case in part if case.admitted is admitted}
        assert len(part) < len(doors.cases(name)) / 2


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_is_understood(name: str) -> None:
    kind = of(name)
    assert crd.rules(kind.schema)
    for spec in kind.seeds.values():
        assert not violations(spec, kind.schema)
