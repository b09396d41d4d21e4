import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.sim import calibration
from paceline.sim.step import StepWork, step_seconds
from tests.support.engine import parameters

WORK = st.builds(
    StepWork,
    decoding=st.integers(0, 256),
    context_tokens=st.integers(0, 10**6),
    longest_context=st.integers(0, 10**5),
    prefill_tokens=st.integers(0, 10**4),
    prefill_square=st.integers(0, 10**8),
)


def work(decodes: list[int] | None = None, prefills: list[tuple[int, int]] | None = None) -> StepWork:
    made = StepWork()
    for context in decodes or ():
        made.add_decode(context)
    for tokens, computed in prefills or ():
        made.add_prefill(tokens, computed)
    return made


def test_a_decode_step_costs_base_and_sequences_and_context():
    cost = parameters(context_token_ms=0.5)
    assert step_seconds(cost, work([3, 7])) == pytest.approx((10 + 2 + 5) / 1000)


def test_a_prefill_behind_a_long_context_attends_to_all_of_it():
    cost = parameters(overhead_ms=0, token_ms=0, prefill_square_ms=1)
    assert step_seconds(cost, work(prefills=[(4, 10)])) == pytest.approx((16 + 80) / 1000)


def test_tokens_are_free_while_the_weights_are_read_and_not_beyond():
    cost = parameters(weights_ms=4.0)
    assert step_seconds(cost, work([1], [(39, 0)])) == pytest.approx((10 + 4 + 0.9) / 1000)
    assert step_seconds(cost, work([1], [(49, 0)])) == pytest.approx((10 + 5 + 0.9) / 1000)


def test_a_prompt_in_a_step_costs_extra_once():
    cost = parameters(prefill_ms=2.0)
    assert step_seconds(cost, work([1])) == pytest.approx(0.011)
    assert step_seconds(cost, work([1], [(5, 0), (5, 0)])) == pytest.approx(0.014)


@pytest.mark.parametrize(
    ("done", "seconds"),
    [(work([5]), 0.011), (work([6]), 0.03), (work(prefills=[(1, 0)]), 0.03)],
    ids=["short decode", "decode beyond the graphs", "prefill"],
)
def test_steps_outside_of_the_graphs_take_the_launch_time_at_least(done, seconds):
    cost = parameters(eager_ms=30, graph_context_tokens=5)
    assert step_seconds(cost, done) == pytest.approx(seconds)


@pytest.mark.parametrize("name", calibration.names())
@given(less=WORK, more=WORK)
def test_more_work_never_takes_less_time(name, less, more):
    both = StepWork(
        decoding=less.decoding + more.decoding,
        context_tokens=less.context_tokens + more.context_tokens,
        longest_context=max(less.longest_context, more.longest_context),
        prefill_tokens=less.prefill_tokens + more.prefill_tokens,
        prefill_square=less.prefill_square + more.prefill_square,
    )
    step = calibration.load(name).step
    assert step_seconds(step, both) >= step_seconds(step, less) > 0
