"""What the operator makes of every case, without a cluster: never a bug, and no change that nobody sees."""

from __future__ import annotations

import pytest

from tests.acto import oracles
from tests.acto.cases import cases
from tests.acto.children import LOOKUP
from tests.acto.expectation import Expectation
from tests.acto.lists import no_effect
from tests.acto.rendered import rendered, seeded
from tests.acto.seeds import seeds
from tests.acto.values import HOSTILE


@pytest.fixture(scope="module")
def results():
    """Every case that the operator comes to see."""
    return [(case, rendered(case.seed, case.spec)) for case in cases() if case.admitted]


def test_seeds_are_carried_out():
    assert [seed.name for seed in seeds() if seeded(seed.name).problem] == []


def test_what_is_right_is_carried_out(results):
    right = (Expectation.VALID, Expectation.TROUBLE)
    assert [f"{case.id}: {made.problem}" for case, made in results if case.expect in right and made.problem] == []


def test_a_refusal_has_a_remedy(results):
    problems = [(case, made.problem) for case, made in results if made.problem]
    assert problems
    assert [f"{case.id}: {each}" for case, each in problems if not oracles.REMEDY.search(each.message)] == []


def test_what_the_operator_alone_can_refuse_is_refused_for_its_reason(results):
    wanted = {"InvalidSpec", "UnknownProfile", "DoesNotFit"}
    refused = [(case, made.problem) for case, made in results if case.reason in wanted]
    assert {case.reason for case, _ in refused} == wanted
    assert [case.id for case, problem in refused if problem is None or problem.reason != case.reason] == []


@pytest.mark.parametrize("seed", seeds(), ids=lambda seed: seed.name)
def test_the_files_of_a_model_are_looked_up_before_its_children_are_made(seed):
    scheme = seed.spec["model"]["uri"].partition("://")[0]
    lookup = [] if scheme in {"sim", "image"} else list(LOOKUP)
    kinds = [each["kind"] for each in seeded(seed.name).manifests]
    assert kinds[: len(lookup)] == lookup
    assert kinds[len(lookup) :] == [
        "ServiceAccount", "Service", "PodDisruptionBudget", "ControllerRevision", "Deployment",
    ]  # fmt: skip


def test_every_right_change_shows_in_a_child_or_is_listed(results):
    alarms = [
        str(alarm)
        for case, made in results
        if not made.problem
        for alarm in oracles.visible(case, seeded(case.seed).sight, made.sight, no_effect())
    ]
    assert alarms == []


def structure(value):
    """The same without the texts and numbers in it."""
    if isinstance(value, dict):
        return {key: structure(each) for key, each in value.items()}
    return [structure(each) for each in value] if isinstance(value, list) else type(value)


def test_a_hostile_text_changes_one_value_and_not_the_shape_of_children(results):
    hostile = [
        (case, made)
        for case, made in results
        if case.name in HOSTILE and case.expect is Expectation.VALID and not made.problem
    ]
    assert len(hostile) > len(HOSTILE)
    for case, made in hostile:
        assert structure(made.sight.children) == structure(seeded(case.seed).sight.children), case.id


def test_every_entry_of_the_list_without_effect_is_needed(results):
    for entry in no_effect():
        covered = [(case, made) for case, made in results if entry.covers(case) and not made.problem]
        bare = [oracles.visible(case, seeded(case.seed).sight, made.sight, ()) for case, made in covered]
        assert any(list(alarms) for alarms in bare), f"{entry.field}: no change of it needs this entry"
