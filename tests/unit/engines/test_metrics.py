"""Reading an engine's page of figures."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from paceline.engines import metrics
from paceline.engines.base import MetricNames

PAGE = """\
# HELP vllm:time_to_first_token_seconds Histogram of time to first token in seconds.
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{le="0.1",model_name="chat"} 3.0
vllm:time_to_first_token_seconds_bucket{le="+Inf",model_name="chat"} 4.0
vllm:time_to_first_token_seconds_bucket{model_name="lora,le=\\"9\\"",le="0.1"} 1
vllm:time_to_first_token_seconds_bucket{model_name="lora",le="+Inf"} 1 1732435200000
vllm:time_to_first_token_seconds_sum{model_name="chat"} 0.5
vllm:num_requests_running{model_name="chat"} 2
vllm:num_requests_running{model_name="lora"} 1
vllm:num_requests_waiting 7
vllm:num_requests_waiting{model_name="a} b"} broken
vllm:num_requests_waiting
vllm:num_requests_waiting_total 5
"""


def test_only_the_wanted_lines_are_read():
    names = {sample.name for sample in metrics.pick(PAGE, {"vllm:num_requests_waiting"})}
    assert names == {"vllm:num_requests_waiting"}


def test_lines_that_are_no_samples_are_left_out():
    assert metrics.gauge(metrics.pick(PAGE, metrics.VLLM.wanted), "vllm:num_requests_waiting") == 7


def test_gauges_are_summed_over_served_names():
    samples = metrics.pick(PAGE, metrics.VLLM.wanted)
    assert metrics.gauge(samples, metrics.VLLM.running) == 3
    assert metrics.gauge(samples, metrics.VLLM.kv_use) is None


def test_histograms_are_summed_over_served_names_whatever_the_order_of_labels():
    samples = metrics.pick(PAGE, metrics.VLLM.wanted)
    assert metrics.buckets(samples, metrics.VLLM.ttft) == (("0.1", 4.0), ("+Inf", 5.0))
    assert metrics.buckets(samples, metrics.VLLM.tpot) == ()


def test_only_names_that_the_engine_has_are_wanted():
    assert MetricNames("/metrics", "ttft", "").wanted == {"ttft_bucket"}


@given(st.text())
def test_no_page_does_any_harm(page):
    samples = metrics.pick(f"vllm:x {page}\nvllm:x{{{page}", {"vllm:x"})
    assert all(isinstance(sample.value, float) for sample in samples)
