"""Every field of the kind changed in every way, after the method of Acto: what comes of it must be right, or be said.

The short form asks the API server about every case and carries out a part of them; each day it is another part. Its
number is printed, and PACELINE_ACTO_ROTATION=<number> repeats it. PACELINE_TEST_SIZE=full carries out all.
PACELINE_ACTO_ONLY=<words>|<words> carries out the cases whose id has one of these.
"""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest

from tests.acto import cases as every
from tests.acto import crd, lists, oracles, trial, world
from tests.acto.expectation import Expectation

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
ONLY = os.environ.get("PACELINE_ACTO_ONLY", "").split("|") if os.environ.get("PACELINE_ACTO_ONLY") else []
ROTATION = int(os.environ.get("PACELINE_ACTO_ROTATION", int(time.time() // 86400)))
#: Cases that the short form carries out.
SHORT = 24

pytestmark = pytest.mark.timeout(3000)


@pytest.fixture(scope="module")
def made(cluster, tmp_path_factory):
    if cluster.local is None:
        pytest.skip("needs the pretended nodes of an embedded cluster")
    with world.prepared(cluster, tmp_path_factory.mktemp("operator")) as made:
        yield made


@pytest.fixture(scope="module")
def asked(made):
    """What the API server says to every case, nothing of it stored."""
    report = trial.asked(made.objects, made.unwatched, every.cases())
    print(f"acto: {len(report.ran)} cases of {len(crd.leaves())} leaves asked in {report.seconds:.0f} s")
    return report


@pytest.fixture(scope="module")
def asked_of_children(made):
    """What it says to the Deployment of each, nothing of it stored."""
    taken = tuple(case for case in every.cases() if case.admitted)
    report = trial.asked_of_children(made.objects, made.unwatched, taken)
    print(f"acto: {len(report.ran)} cases rendered, and their children asked, in {report.seconds:.0f} s")
    return report


@pytest.fixture(scope="module")
def tried(made):
    """What came of the part that was carried out."""
    taken = [case for case in every.cases() if case.admitted and (not ONLY or any(words in case.id for words in ONLY))]
    part = tuple(taken) if FULL or ONLY else every.chosen(taken, ROTATION, SHORT)
    print(f"acto: PACELINE_ACTO_ROTATION={ROTATION} repeats this part: {len(part)} of {len(taken)} cases")
    report = trial.tried(made.objects, made.namespaces, part)
    expected, seeds = Counter(case.expect.value for case in part), Counter(case.seed for case in part)
    print(f"acto: carried out in {report.seconds:.0f} s: {dict(expected)}, on seeds {dict(seeds)}")
    return report


def unexplained(alarms):
    return "\n".join(str(alarm) for alarm in lists.unexplained(alarms, lists.explained()))


def test_what_is_wrong_is_refused_by_its_path_with_a_remedy_and_what_is_right_is_taken(asked):
    assert not (found := unexplained(asked.alarms)), found


def test_the_api_server_takes_the_children_of_what_is_right_and_of_nothing_wrong(asked_of_children):
    assert asked_of_children.ran
    assert not (found := unexplained(asked_of_children.alarms)), found


def test_every_leaf_of_the_schema_is_touched_by_a_right_and_by_a_wrong_value(asked, record_property):
    touched = {
        expect: {case.path for case in asked.ran if case.expect is expect}
        for expect in (Expectation.VALID, Expectation.REFUSED)
    }
    for expect, paths in touched.items():
        assert crd.leaves() <= paths, f"{expect}: {sorted(crd.leaves() - paths)}"
    record_property("leaves touched", len(crd.leaves()))
    record_property("cases asked", dict(Counter(case.expect.value for case in asked.ran)))


def test_what_only_the_operator_can_refuse_is_named_in_time_and_the_children_stay(tried):
    assert not (found := unexplained(tried.of("named", "untouched", "admission"))), found


def test_every_right_change_shows_in_a_child_or_is_listed(tried):
    assert not (found := unexplained(tried.of("visible"))), found


def test_the_spec_of_the_seed_brings_its_children_back(tried):
    assert not (found := unexplained(tried.of("returned"))), found


def test_conditions_settle_and_are_well_formed(tried):
    assert not (found := unexplained(tried.of("settled", "conditions"))), found


def test_the_operator_lives_and_its_log_has_no_error(made, tried, record_property):
    assert made.operator.alive, made.operator.tail
    assert oracles.log_alarms(made.operator.lines()) == []
    assert tried.ran
    record_property("cases carried out", len(tried.ran))


def test_no_explanation_is_stale(asked, asked_of_children, tried, record_property):
    ran = [*tried.ran, *(case for case in asked.ran if not case.admitted)]
    alarms = [*asked.alarms, *asked_of_children.alarms, *tried.alarms]
    record_property("alarms", f"{len(alarms)}, unexplained {len(lists.unexplained(alarms, lists.explained()))}")
    assert lists.stale(lists.explained(), alarms, ran, complete=FULL and not ONLY) == []
