"""Which requests count for an objective, and which meet it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.api.record import Outcome, Purpose
from paceline.stats import slo
from tests.support.records import record

MS = 1000
BAD = [Outcome.RESET, Outcome.FAILED, Outcome.SHED, Outcome.INTERRUPTED]


@pytest.mark.parametrize(
    ("changes", "tpot"),
    [
        ({}, 10 * MS),
        ({"output_tokens": 2}, 990 * MS),
        ({"output_tokens": 1}, None),
        ({"output_tokens": 0}, None),
        ({"ttft_us": None, "last_us": None}, None),
        ({"output_tokens": 4, "ttft_us": 0, "last_us": 100}, 33),
    ],
)
def test_tpot_is_the_time_after_the_first_byte_for_each_further_token(changes, tpot):
    assert slo.tpot_us(record(**changes)) == tpot


@pytest.mark.parametrize("purpose", [Purpose.REVIEWED, Purpose.MIRROR, Purpose.PROBE])
def test_reviewed_requests_copies_and_test_requests_are_not_eligible(purpose):
    assert not slo.eligible(record(purpose=purpose))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429])
def test_the_callers_own_mistakes_are_not_eligible(status):
    assert not slo.eligible(record(outcome=Outcome.REFUSED, status=status))


@pytest.mark.parametrize("outcome", BAD)
def test_errors_time_outs_and_shed_requests_are_eligible_and_bad(outcome):
    failed = record(outcome=outcome)
    assert slo.eligible(failed)
    assert not slo.good(failed)


def test_an_attempt_that_was_made_again_on_the_same_revision_is_not_judged():
    assert not slo.eligible(record(outcome=Outcome.FAILED, superseded=True, attempts=2))


def test_an_attempt_that_went_on_to_another_backend_is_a_bad_request_of_its_revision():
    assert slo.eligible(record(outcome=Outcome.FAILED, attempts=2))


@pytest.mark.parametrize(
    ("changes", "eligible", "good"),
    [
        ({"duration_us": 499 * MS, "ttft_us": 200 * MS, "last_us": 490 * MS}, False, False),
        ({"duration_us": 500 * MS, "ttft_us": 200 * MS, "last_us": 490 * MS, "output_tokens": 7}, True, True),
        ({"duration_us": 500 * MS, "ttft_us": 200 * MS, "last_us": 490 * MS, "output_tokens": 6}, True, False),
        ({"duration_us": 499 * MS, "ttft_us": None, "last_us": None}, False, False),
        ({"duration_us": 500 * MS, "ttft_us": None, "last_us": None}, True, False),
        ({"duration_us": 10**9, "ttft_target_us": None}, False, False),
    ],
    ids=["early", "in time until then", "slow until then", "early without a byte", "without a byte", "no target"],
)
def test_who_leaves_counts_from_the_ttft_target_on(changes, eligible, good):
    left = record(outcome=Outcome.ABORTED, **changes)
    assert (slo.eligible(left), slo.good(left)) == (eligible, good)


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({}, True),
        ({"ttft_us": 500 * MS}, True),
        ({"ttft_us": 500 * MS + 1}, False),
        ({"ttft_us": 200 * MS, "last_us": (200 + 50 * 99) * MS}, True),
        ({"ttft_us": 200 * MS, "last_us": (200 + 50 * 99) * MS + 1}, False),
        ({"ttft_us": 501 * MS, "ttft_target_us": None}, True),
        ({"last_us": 10**9, "tpot_target_us": None}, True),
        ({"last_us": 10**9, "output_tokens": 1}, True),
        ({"ttft_us": None, "last_us": None}, False),
        # How long the client took to read it says nothing of the engine.
        ({"duration_us": 10**9}, True),
    ],
)
def test_a_stream_is_good_by_its_first_byte_and_its_pace(changes, good):
    assert slo.good(record(**changes)) is good


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({"duration_us": (500 + 50 * 99) * MS}, True),
        ({"duration_us": (500 + 50 * 99) * MS + 1}, False),
        ({"duration_us": 500 * MS, "output_tokens": 1}, True),
        ({"duration_us": 500 * MS + 1, "output_tokens": 1}, False),
        ({"duration_us": 500 * MS + 1, "output_tokens": 0}, False),
        ({"duration_us": 500 * MS, "output_tokens": 0, "tpot_target_us": None}, True),
        ({"duration_us": 501 * MS, "output_tokens": 0, "tpot_target_us": None}, False),
        ({"duration_us": 10**9, "tpot_target_us": None}, True),
        ({"duration_us": 10**9, "ttft_target_us": None}, True),
    ],
)
def test_a_whole_answer_is_good_by_the_time_that_both_targets_give_it(changes, good):
    assert slo.good(record(streamed=False, **changes)) is good


times = st.integers(0, 10**7)


@given(times, times, st.integers(2, 500), times, times)
def test_a_stream_is_judged_without_rounding(ttft, spent, tokens, first, pace):
    made = record(ttft_us=ttft, last_us=ttft + spent, output_tokens=tokens, ttft_target_us=first, tpot_target_us=pace)
    assert slo.good(made) == (ttft <= first and Fraction(spent, tokens - 1) <= pace)
