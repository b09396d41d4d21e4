"""Random transitions: the seed repeats them, each changes something, and a model is never left where it cannot rest."""

from __future__ import annotations

import itertools

import pytest

from tests.examiner.walk import MOVES, Walk, Wish

SEEDS = range(20)


def test_a_seed_repeats_its_transitions():
    assert list(Walk(7).transitions(30)) == list(Walk(7).transitions(30)) != list(Walk(8).transitions(30))


@pytest.mark.parametrize("seed", SEEDS)
def test_each_transition_differs_from_the_one_before(seed):
    wishes = [Wish(), *(one.wish for one in Walk(seed).transitions(50))]
    assert all(before != after for before, after in itertools.pairwise(wishes))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stuck_model_is_not_waited_for_and_is_taken_back_by_the_next(seed):
    taken = list(Walk(seed).transitions(50))
    assert all(one.pause is not None for one in taken if one.wish.stuck)
    assert all(after.move == "stuck" for before, after in itertools.pairwise(taken) if after.wish.stuck)
    assert taken[-1].pause is None
    assert not taken[-1].wish.stuck


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rollout_can_always_move(seed):
    assert all(one.wish.surge + one.wish.unavailable > 0 for one in Walk(seed).transitions(50))


def test_all_moves_come_up():
    assert {one.move for one in Walk(1).transitions(100)} == set(MOVES)
