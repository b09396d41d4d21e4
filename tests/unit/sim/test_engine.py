from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.sim.batching import Batching, Mode
from paceline.sim.engine import Engine, simulate
from paceline.sim.sequence import Sequence
from tests.support.engine import engine, sequence, static


def run(made: Engine, *arrivals: tuple[float, Sequence]) -> list[tuple[float, list[str]]]:
    return [(end.time, [one.id for one in end.tokens]) for end in simulate(made, arrivals)]


def test_the_first_token_comes_after_the_prompt_and_the_others_at_the_pace_of_a_step():
    one = sequence(prompt=10, output=3)
    run(engine(), (1.0, one))
    assert one.first_token == pytest.approx(1.0 + 0.011)
    assert one.last_token == pytest.approx(1.0 + 0.011 + 2 * 0.011)


def test_an_arrival_during_a_step_waits_for_its_end():
    first, second = sequence("a", 10, 5), sequence("b", 10, 1)
    run(engine(), (0.0, first), (0.002, second))
    assert second.scheduled == pytest.approx(0.011)
    assert second.first_token == pytest.approx(0.011 + 0.012)


def test_the_intake_delays_the_first_token_and_no_other():
    one = sequence(prompt=10, output=3)
    run(engine(step={"intake_ms": 20.0}), (0.0, one))
    assert one.first_token == pytest.approx(0.031)
    assert one.last_token == pytest.approx(0.031 + 0.022)


def test_waking_up_costs_only_the_step_after_idleness():
    one, other = sequence("a", 10, 2), sequence("b", 10, 1)
    run(engine(step={"wake_ms": 5.0}), (0.0, one), (1.0, other))
    assert one.last_token == pytest.approx(0.016 + 0.011)
    assert other.first_token == pytest.approx(1.016)


def test_a_slowdown_stretches_every_step():
    one = sequence(prompt=10, output=1)
    run(engine(slowdown=3.0), (0.0, one))
    assert one.first_token == pytest.approx(0.033)


def test_a_static_batch_that_never_fills_stays_in_the_queue():
    made = engine(static(2))
    assert run(made, (0.0, sequence())) == []
    assert len(made.scheduler.waiting) == 1


def test_a_closed_loop_is_asked_again_after_each_step():
    sequences = [sequence(name, output=2) for name in "abc"]

    def one_at_a_time():
        for current in sequences:
            yield clock, current
            while not current.finished:
                yield None

    clock, made = 0.0, engine()
    for end in simulate(made, one_at_a_time()):
        clock = end.time
        assert len(end.tokens) == 1
    assert all(one.finished for one in sequences)


def test_a_step_says_how_many_tokens_of_prompts_and_answers_it_computed():
    arrivals = ((0.0, sequence("a", 8, 2)), (0.001, sequence("b", 5, 1)))
    assert [end.computed for end in simulate(engine(), arrivals)] == [8, 1 + 5]


def test_an_aborted_sequence_frees_its_seat_while_the_step_goes_on():
    made, one = engine(), sequence()
    made.submit(one, 0.0)
    ends = made.begin(0.0)
    made.abort(one)
    assert made.ends_at == ends
    assert made.end().tokens == []
    assert made.scheduler.pool.used == 0


def test_ending_without_a_step_is_a_mistake():
    with pytest.raises(RuntimeError, match=r"call begin\(\) first"):
        engine().end()


def test_an_idle_engine_does_not_wake_before_its_last_step_ended():
    made = engine()
    run(made, (0.0, sequence("a")))
    late = sequence("b")
    made.submit(late, 0.0)
    wakes = made.wakes_at()
    assert wakes is not None
    assert wakes > 0.02


REQUESTS = st.lists(
    st.tuples(st.floats(0, 0.2), st.integers(1, 60), st.integers(1, 20), st.integers(0, 3)), min_size=1, max_size=25
)


@settings(deadline=None)
@given(
    requests=REQUESTS,
    chunked=st.booleans(),
    caching=st.booleans(),
    prefill_first=st.booleans(),
    blocks=st.integers(20, 60),
    mode=st.sampled_from([Mode.CONTINUOUS, Mode.DYNAMIC]),
)
def test_every_request_gets_every_token_in_time_order_and_all_blocks_come_back(
    requests, chunked, caching, prefill_first, blocks, mode
):
    made = engine(
        Batching(mode, 0, 0.05),
        chunked_prefill=chunked,
        prefix_caching=caching,
        prefill_first=prefill_first,
        blocks=blocks,
        max_context=80,
    )
    arrivals = sorted(requests)
    sequences = [
        Sequence(str(index), prompt_tokens=prompt, output_tokens=output, prefix=_prefix(kind, prompt))
        for index, (_, prompt, output, kind) in enumerate(arrivals)
    ]
    counted = dict.fromkeys((one.id for one in sequences), 0)
    before = 0.0
    for end in simulate(made, zip((time for time, *_ in arrivals), sequences, strict=True)):
        assert end.time > before
        before = end.time
        for one in end.tokens:
            counted[one.id] += 1
    assert all(counted[one.id] == one.output_tokens == one.generated for one in sequences)
    assert all(one.first_token is not None and one.first_token > one.arrival for one in sequences)
    assert made.scheduler.pool.used == 0


def _prefix(kind: int, prompt: int) -> tuple[int, ...]:
    return tuple(100 * kind + place for place in range(prompt // 4))


@given(st.integers(0, 10**6))
def test_equal_requests_start_in_the_order_of_their_arrival(seed):
    rng = Random(seed)
    time, arrivals = 0.0, []
    for index in range(30):
        time += rng.expovariate(60)
        arrivals.append((time, sequence(str(index), prompt=8, output=rng.randint(1, 8))))
    run(engine(blocks=40), *arrivals)
    started = [one.scheduled or 0.0 for _, one in arrivals]
    assert started == sorted(started)


def test_the_same_arrivals_give_the_same_events():
    def once():
        return run(engine(), *((index / 100, sequence(str(index))) for index in range(20)))

    assert once() == once()
