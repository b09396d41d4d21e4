import pytest

from paceline.sim.batching import Batching
from paceline.sim.scheduler import Scheduler, Step
from paceline.sim.sequence import Sequence
from tests.support.engine import dynamic, limits, sequence, static


def scheduler(batching: Batching | None = None, *waiting: Sequence, **changed: object) -> Scheduler:
    made = Scheduler(limits(**changed), batching or Batching())
    for one in waiting:
        made.add(one)
    return made


def step(made: Scheduler, now: float = 0.0) -> tuple[dict[str, int], list[str]]:
    """Run one step; return the tokens that each sequence computed, and who got a token."""
    planned = made.plan(now)
    assert isinstance(planned, Step)
    return {one.id: tokens for one, tokens in planned.parts}, [one.id for one in made.complete(planned, now)]


def test_decodes_go_before_prefills_and_new_prompts_join_in_the_same_step():
    made = scheduler(None, sequence("a"))
    assert step(made) == ({"a": 8}, ["a"])
    made.add(sequence("b"))
    assert step(made) == ({"a": 1, "b": 8}, ["a", "b"])


def test_a_long_prompt_is_computed_in_chunks_beside_decodes():
    made = scheduler(None, sequence("a"), max_batched_tokens=10)
    step(made)
    made.add(sequence("b", prompt=20))
    assert step(made) == ({"a": 1, "b": 9}, ["a"])
    assert step(made) == ({"a": 1, "b": 9}, ["a"])
    assert step(made) == ({"a": 1, "b": 2}, ["a", "b"])


def test_a_chunk_waits_where_decodes_use_up_the_budget():
    made = scheduler(None, sequence("a"), sequence("b", prompt=4), max_batched_tokens=11)
    assert step(made) == ({"a": 8, "b": 3}, ["a"])
    made.limits = limits(max_batched_tokens=1)
    assert step(made) == ({"a": 1}, ["a"])


def test_whole_prompts_wait_for_a_step_that_holds_them():
    made = scheduler(None, sequence("a"), sequence("b"), chunked_prefill=False, max_batched_tokens=10)
    assert step(made) == ({"a": 8}, ["a"])
    assert step(made) == ({"a": 1, "b": 8}, ["a", "b"])


def test_a_whole_prompt_larger_than_the_budget_gets_a_step_alone():
    made = scheduler(None, sequence("a", prompt=20), chunked_prefill=False, max_batched_tokens=10)
    assert step(made) == ({"a": 20}, ["a"])


def test_prompts_first_means_a_step_without_decodes():
    made = scheduler(None, sequence("a"), prefill_first=True, chunked_prefill=False)
    step(made)
    made.add(sequence("b"))
    assert step(made) == ({"b": 8}, ["b"])
    assert step(made) == ({"a": 1, "b": 1}, ["a", "b"])


def test_nobody_is_seen_before_being_ready():
    late = sequence()
    late.ready = 5.0
    made = scheduler(None, late)
    assert made.plan(4.9) is None
    assert made.next_departure() == 5.0
    assert step(made, 5.0) == ({"a": 8}, ["a"])


def test_seats_are_limited_and_first_come_is_first_served():
    made = scheduler(None, *(sequence(name) for name in "abc"), max_sequences=2)
    assert step(made) == ({"a": 8, "b": 8}, ["a", "b"])
    assert [one.id for one in made.waiting] == ["c"]


def test_a_prompt_that_does_not_fit_now_lets_nobody_overtake():
    made = scheduler(None, sequence("a", prompt=30), sequence("b", prompt=16), sequence("c", prompt=4), blocks=10)
    assert step(made) == ({"a": 30}, ["a"])
    assert [one.id for one in made.waiting] == ["b", "c"]


def test_the_youngest_goes_when_blocks_run_out_and_computes_all_again():
    made = scheduler(None, sequence("a", 8, 8), sequence("b", 7, 8), blocks=4)
    step(made)
    planned = made.plan(0.0)
    assert planned is not None
    assert [one.id for one in planned.preempted] == ["b"]
    victim = planned.preempted[0]
    assert (victim.computed, victim.generated, victim.preemptions, made.preemptions) == (0, 1, 1, 1)
    made.complete(planned, 0.0)
    while made.running:
        step(made)
    assert step(made) == ({"b": 8}, ["b"])  # prompt and the token it had


def test_those_thrown_out_come_back_before_those_who_never_were_in():
    made = scheduler(None, sequence("a", 8, 8), sequence("b", 7, 8), sequence("c"), blocks=4)
    step(made)
    step(made)
    assert [one.id for one in made.waiting] == ["b", "c"]


def test_the_only_sequence_left_can_be_the_one_that_goes():
    made = scheduler(None, sequence("a", 8, 4), sequence("b", 4, 4), blocks=3)
    step(made)
    first = made.running[0]
    made.running.reverse()  # b is served first now; a, the last, has to make room for it and for itself
    planned = made.plan(0.0)
    assert planned is not None
    assert first in made.waiting


def test_cached_prompt_blocks_are_not_computed_again_but_one_token_always_is():
    made = scheduler(None, sequence("a", prefix=(1, 2)), prefix_caching=True)
    step(made)
    made.add(sequence("b", prefix=(1, 2)))
    tokens, _ = step(made)
    assert tokens["b"] == 4
    assert (made.prefix_queries, made.prefix_hits) == (16, 4)


def test_a_sequence_that_was_thrown_out_does_not_count_its_own_blocks_as_found():
    made = scheduler(
        None, sequence("a", 8, 8), sequence("b", 7, 8, prefix=(1,)), sequence("c", 1, 1), blocks=4, prefix_caching=True
    )
    victim = made.waiting[1]
    while made.waiting or made.running:
        step(made)
    assert victim.preemptions == 1
    assert victim.cached == made.prefix_hits == 0
    assert made.prefix_queries == 8 + 7 + 1


def test_a_dynamic_batch_leaves_full_or_by_the_clock_and_nobody_joins_on_the_way():
    made = scheduler(dynamic(2, 1.0), sequence("a"))
    assert made.plan(0.5) is None
    assert made.next_departure() == 1.0
    assert step(made, 1.0) == ({"a": 8}, ["a"])
    made.add(sequence("b"))
    made.add(sequence("c"))
    assert step(made, 1.1) == ({"a": 1}, ["a"])
    assert made.next_departure() == 0.0


def test_a_static_batch_waits_for_the_last_seat():
    made = scheduler(static(2), sequence("a"))
    assert made.plan(10**6) is None
    assert made.next_departure() is None
    made.add(sequence("b"))
    assert step(made) == ({"a": 8, "b": 8}, ["a", "b"])


@pytest.mark.parametrize(
    ("batching", "leaves"), [(static(2), 0.2), (dynamic(2, 5.0), 0.2), (dynamic(3, 1.0), 1.1), (static(3), None)]
)
def test_a_batch_that_gets_ready_in_another_order_than_it_queued_leaves_when_it_was_told(batching, leaves):
    late, early = sequence("late"), sequence("early")
    late.ready, early.ready = 0.2, 0.1
    made = scheduler(batching, late, early)
    assert made.next_departure() == leaves
    if leaves is not None:
        assert step(made, leaves) == ({"late": 8, "early": 8}, ["late", "early"])


def test_a_seat_goes_to_whoever_is_ready_first():
    late, *early = waiting = [sequence(name) for name in "abc"]
    late.ready, early[0].ready, early[1].ready = 9.0, 0.1, 0.2
    made = scheduler(static(2), *waiting)
    assert made.next_departure() == 0.2
    assert step(made, 0.2) == ({"b": 8, "c": 8}, ["b", "c"])


def test_the_seat_of_a_finished_passenger_still_costs_until_the_bus_arrives():
    made = scheduler(static(2), sequence("a", output=1), sequence("b", output=3))
    step(made)
    planned = made.plan(0.0)
    assert planned is not None
    assert (len(planned.parts), planned.work.decoding) == (1, 2)
    made.complete(planned, 0.0)
    step(made)
    assert not made.running
    for name in "cd":
        made.add(sequence(name))
    planned = made.plan(0.0)
    assert planned is not None
    assert planned.work.decoding == 0


def test_a_batch_whose_prompts_exceed_the_budget_boards_whole_and_computes_in_turn():
    made = scheduler(static(2), sequence("a", prompt=8), sequence("b", prompt=8), max_batched_tokens=8)
    assert step(made) == ({"a": 8}, ["a"])
    assert len(made.running) == 2
    assert step(made) == ({"a": 1, "b": 7}, ["a"])


def test_whole_prompts_of_a_batch_are_computed_one_after_the_other():
    made = scheduler(
        static(2), sequence("a", prompt=8), sequence("b", prompt=8), max_batched_tokens=8, chunked_prefill=False
    )
    assert step(made) == ({"a": 8}, ["a"])
    assert step(made) == ({"a": 1}, ["a"])


def test_a_batch_boards_only_as_many_as_the_blocks_hold():
    made = scheduler(static(2), sequence("a", prompt=30), sequence("b", prompt=30), blocks=10)
    assert step(made) == ({"a": 30}, ["a"])
    assert [one.id for one in made.waiting] == ["b"]


def test_a_removed_sequence_frees_its_blocks_and_gets_no_token():
    one, other = sequence("a"), sequence("b")
    made = scheduler(None, one, other, max_sequences=1)
    planned = made.plan(0.0)
    assert planned is not None
    made.remove(one)
    made.remove(other)
    made.remove(other)
    assert made.complete(planned, 0.0) == []
    assert (made.pool.used, list(made.waiting), made.running) == (0, [], [])


def test_an_empty_queue_has_no_departure():
    assert scheduler().next_departure() is None


@pytest.mark.parametrize("changed", [{"max_context": 11}, {"blocks": 2}], ids=["context", "blocks"])
def test_a_request_that_can_never_fit_is_refused_with_the_numbers(changed):
    with pytest.raises(ValueError, match=r"need 12 tokens.*shorten the prompt"):
        scheduler(None, sequence(), **changed)


@pytest.mark.parametrize(("prompt", "output"), [(0, 4), (8, -1)])
def test_a_sequence_without_a_prompt_or_with_less_than_no_output_is_refused(prompt, output):
    with pytest.raises(ValueError, match=f"{prompt} prompt and {output} output tokens"):
        sequence(prompt=prompt, output=output)


def test_a_prompt_without_an_answer_may_fill_the_whole_context():
    made = scheduler(None, sequence("a", prompt=12, output=0), max_context=12, blocks=3)
    assert step(made) == ({"a": 12}, ["a"])
    assert (made.running, made.pool.used) == ([], 0)
