"""vLLM's metrics, from plain counters that cost nothing per token to keep."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from paceline.enginesim.answer import Answer
from paceline.sim.scheduler import Scheduler

# Bucket edges of vLLM (seconds; tokens).
TTFT = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0),
)
PER_TOKEN = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0),
)
PER_REQUEST = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0),
    *(40.0, 50.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0),
)
TOKENS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000)
ITERATION = (1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
LATE = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 1.0)
REASONS = ("abort", "error", "length", "stop")


class Histogram:
    """Counts per bucket."""

    __slots__ = ("_counts", "_edges", "_sum")

    def __init__(self, edges: tuple[float, ...]) -> None:
        self._edges = edges
        self._counts = [0] * (len(edges) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._edges, value)] += 1
        self._sum += value

    def family(self, name: str, text: str, labels: dict[str, str]) -> HistogramMetricFamily:
        """Return it as Prometheus reads it."""
        below, buckets = 0, []
        for edge, count in zip((*map(float, self._edges), float("inf")), self._counts, strict=True):
            below += count
            buckets.append(("+Inf" if edge == float("inf") else str(edge), float(below)))
        family = HistogramMetricFamily(name, text, labels=list(labels))
        family.add_metric(list(labels.values()), buckets, self._sum)
        return family


class Metrics(Collector):
    """All metrics of one engine.

    Attributes:
        prompt_tokens: Prompt tokens of requests whose first token came.
        generation_tokens: Tokens generated.
    """

    def __init__(self, model_name: str, scheduler: Scheduler) -> None:
        self._labels = {"model_name": model_name, "engine": "0"}
        self._scheduler = scheduler
        self.prompt_tokens = 0
        self.generation_tokens = 0
        self._finished = dict.fromkeys(REASONS, 0)
        self._ttft = Histogram(TTFT)
        self._itl = Histogram(PER_TOKEN)
        self._tpot = Histogram(PER_TOKEN)
        self._whole = Histogram(PER_REQUEST)
        self._queue = Histogram(PER_REQUEST)
        self._prefill = Histogram(PER_REQUEST)
        self._decode = Histogram(PER_REQUEST)
        self._inference = Histogram(PER_REQUEST)
        self._asked = Histogram(TOKENS)
        self._answered = Histogram(TOKENS)
        self._iteration = Histogram(ITERATION)
        self._late = Histogram(LATE)
        self._slipped = 0.0
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def page(self) -> bytes:
        """Return the page that /metrics serves."""
        return generate_latest(self._registry)

    def step(self, tokens: int, late: float, slipped: float) -> None:
        """Book a step: its tokens, prompts included, how late it ended, how far the plan was moved (real seconds)."""
        self._iteration.observe(tokens)
        self._late.observe(late)
        self._slipped = slipped

    def first_token(self, answer: Answer, now: float) -> None:
        """Book the first token of an answer (real times)."""
        self.prompt_tokens += answer.prompt_tokens
        self._ttft.observe(now - answer.began)

    def next_token(self, gap: float) -> None:
        """Book the gap before a token that is not the first."""
        self._itl.observe(gap)

    def finish(self, answer: Answer, scale: float) -> None:
        """Book an answer that ended, aborted and silent ones only by their outcome."""
        reason = "stop" if answer.reason == "tool_calls" else answer.reason
        self._finished[reason if reason in REASONS else "error"] += 1
        if answer.silent or answer.first == 0 or reason == "abort" or answer.scheduled is None:
            return
        queued = (answer.scheduled - answer.arrival) * scale
        self._whole.observe(answer.last - answer.began)
        self._queue.observe(queued)
        self._prefill.observe(max(answer.first - answer.received - queued, 0.0))
        self._decode.observe(answer.last - answer.first)
        self._inference.observe(max(answer.last - answer.received - queued, 0.0))
        self._asked.observe(answer.prompt_tokens)
        self._answered.observe(len(answer.ids))
        if len(answer.ids) > 1:
            self._tpot.observe((answer.last - answer.first) / (len(answer.ids) - 1))

    def collect(self) -> Iterator[Metric]:
        """Yield all metric families."""
        yield from self._gauges()
        yield from self._counters()
        labels = self._labels
        for name, text, histogram in (
            ("time_to_first_token_seconds", "Time to first token.", self._ttft),
            ("inter_token_latency_seconds", "Time between tokens.", self._itl),
            ("request_time_per_output_token_seconds", "Mean time per output token of a request.", self._tpot),
            ("e2e_request_latency_seconds", "Time of a request.", self._whole),
            ("request_queue_time_seconds", "Time in the waiting queue.", self._queue),
            ("request_prefill_time_seconds", "Time in prefill.", self._prefill),
            ("request_decode_time_seconds", "Time in decode.", self._decode),
            ("request_inference_time_seconds", "Time running.", self._inference),
            ("request_prompt_tokens", "Prompt tokens of a request.", self._asked),
            ("request_generation_tokens", "Generated tokens of a request.", self._answered),
            ("iteration_tokens_total", "Tokens per engine step.", self._iteration),
        ):
            yield histogram.family(f"vllm:{name}", text, labels)
        late = "How much later than planned engine steps ended: the server's own error."
        yield self._late.family("paceline_engine_sim_step_lateness_seconds", late, labels)

    def _gauges(self) -> Iterator[Metric]:
        scheduler = self._scheduler
        for name, text, value in (
            ("num_requests_running", "Requests in the batch.", len(scheduler.running)),
            ("num_requests_waiting", "Requests in the queue.", len(scheduler.waiting)),
            ("kv_cache_usage_perc", "KV cache in use, 0 to 1.", scheduler.pool.used / scheduler.pool.total),
        ):
            yield self._gauge(f"vllm:{name}", text, value)
        limits = scheduler.limits
        settings = {
            "block_size": str(limits.block_size),
            "num_gpu_blocks": str(limits.blocks),
            "enable_prefix_caching": str(limits.prefix_caching),
        }
        info = GaugeMetricFamily("vllm:cache_config_info", "KV cache settings.", labels=["engine", *settings])
        info.add_metric(["0", *settings.values()], 1.0)
        yield info

    def _counters(self) -> Iterable[Metric]:
        scheduler = self._scheduler
        for name, text, value in (
            ("num_preemptions", "Requests thrown out for lack of blocks.", scheduler.preemptions),
            ("prompt_tokens", "Prompt tokens computed or taken from the cache.", self.prompt_tokens),
            ("generation_tokens", "Tokens generated.", self.generation_tokens),
            ("prefix_cache_queries", "Prompt tokens looked up in the prefix cache.", scheduler.prefix_queries),
            ("prefix_cache_hits", "Prompt tokens found in the prefix cache.", scheduler.prefix_hits),
        ):
            yield self._counter(f"vllm:{name}", text, value)
        slipped = "Seconds by which the plan was moved because the process was late by over a second."
        yield self._counter("paceline_engine_sim_slipped_seconds", slipped, self._slipped)
        outcomes = CounterMetricFamily(
            "vllm:request_success", "Requests that ended, by reason.", labels=[*self._labels, "finished_reason"]
        )
        for reason, count in self._finished.items():
            outcomes.add_metric([*self._labels.values(), reason], count)
        yield outcomes

    def _counter(self, name: str, text: str, value: float) -> Metric:
        family = CounterMetricFamily(name, text, labels=list(self._labels))
        family.add_metric(list(self._labels.values()), value)
        return family

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        family = GaugeMetricFamily(name, text, labels=list(self._labels))
        family.add_metric(list(self._labels.values()), value)
        return family
