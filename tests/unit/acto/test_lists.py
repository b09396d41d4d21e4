"""The written lists are of fields and changes that there are, and what is stale in them is found."""

from __future__ import annotations

from tests.acto import lists
from tests.acto.alarms import Alarm
from tests.acto.cases import Case, cases
from tests.acto.expectation import Expectation
from tests.acto.lists import Explained, NoEffect

ONE = Case("custom", "spec.a", "one", ("spec", "a"), {}, Expectation.VALID)
ALARM = Alarm.of("visible", ONE, "nothing")


def test_fields_without_effect_are_fields_and_changes_that_there_are():
    pairs = [(entry.field, name) for entry in lists.no_effect() for name in entry.changes or (lists.ALL,)]
    assert lists.unknown(pairs, cases()) == []


def test_fields_without_effect_stand_there_once_and_with_a_reason():
    fields = [entry.field for entry in lists.no_effect()]
    assert len(fields) == len(set(fields))
    assert all(len(entry.why) > 10 for entry in lists.no_effect())


def test_explained_alarms_are_of_cases_that_there_are_and_have_a_reason():
    assert lists.unknown([(entry.field, entry.change) for entry in lists.explained()], cases()) == []
    assert all(len(entry.why) > 10 for entry in lists.explained())


def test_a_field_that_is_gone_is_found():
    assert lists.unknown([("spec.gone", lists.ALL), ("spec.a", "one"), ("spec.a", "two")], [ONE]) == [
        ("spec.gone", lists.ALL),
        ("spec.a", "two"),
    ]


def test_an_entry_covers_its_change_or_all_of_them():
    assert NoEffect("spec.a", "").covers(ONE)
    assert NoEffect("spec.a", "", ("one",)).covers(ONE)
    assert not NoEffect("spec.a", "", ("two",)).covers(ONE)
    assert not NoEffect("spec.b", "").covers(ONE)


def test_an_explained_alarm_is_left_out_and_others_are_not():
    assert lists.unexplained([ALARM], [Explained("visible", "spec.a", "one", "")]) == []
    assert lists.unexplained([ALARM], [Explained("visible", "spec.a", lists.ALL, "")]) == []
    assert lists.unexplained([ALARM], [Explained("named", "spec.a", "one", "")]) == [ALARM]
    assert lists.unexplained([ALARM], [Explained("visible", "spec.a", "two", "")]) == [ALARM]


def test_an_explanation_is_stale_when_its_case_ran_without_the_alarm():
    entry = Explained("visible", "spec.a", "one", "")
    assert lists.stale([entry], [], [ONE], complete=False) == [entry]
    assert lists.stale([entry], [ALARM], [ONE], complete=False) == []
    assert lists.stale([entry], [], [], complete=False) == [], "its case did not run"


def test_an_explanation_of_many_cases_is_judged_only_when_all_ran():
    entry = Explained("visible", lists.ALL, "one", "")
    assert lists.stale([entry], [], [ONE], complete=False) == []
    assert lists.stale([entry], [], [ONE], complete=True) == [entry]
    assert lists.stale([entry], [ALARM], [ONE], complete=True) == []
