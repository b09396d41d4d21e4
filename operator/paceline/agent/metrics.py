"""Every metric of an agent, in one registry of its own, and those of Envoy that matter, under our names.

docs/reference/metrics.md lists them; a test compares it with the registry.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from paceline.gateway.ir import Denial, Denied
from paceline.settings import boottime

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

failures_total = Counter(
    "paceline_gateway_agent_failures",
    "What the agent could not do: Fetch, Report, Ship, Issuer, Deny, Files (in memory) or Logs (on disk).",
    ["what"],
    registry=REGISTRY,
)
rejected_total = Counter(
    "paceline_gateway_programs_rejected", "Configurations that Envoy did not take.", registry=REGISTRY
)
for _what in ("Fetch", "Report", "Ship", "Deny", "Files", "Logs"):
    failures_total.labels(_what)  # shown from the start, so that the first failure is seen as an increase
generation = Gauge(
    "paceline_gateway_generation", "Generation of the configuration that Envoy serves; 0 for none.", registry=REGISTRY
)
draining = Gauge("paceline_gateway_draining", "1 while the pod is on its way out.", registry=REGISTRY)
records_total = Counter(
    "paceline_gateway_records", "Records made of Envoy's log, by outcome.", ["outcome"], registry=REGISTRY
)
unreadable_total = Counter(
    "paceline_gateway_log_unreadable_lines", "Lines of Envoy's log that could not be read.", registry=REGISTRY
)
unshipped_bytes = Gauge(
    "paceline_gateway_log_unshipped_bytes", "Bytes of Envoy's log that the ledger does not have yet.", registry=REGISTRY
)
log_free_bytes = Gauge("paceline_gateway_log_free_bytes", "Free bytes of the volume of logs.", registry=REGISTRY)
dropped_bytes_total = Counter(
    "paceline_gateway_log_dropped_bytes",
    "Bytes of Envoy's log that were thrown away before the ledger had them.",
    registry=REGISTRY,
)

unrecorded_total = Counter(
    "paceline_gateway_requests_unrecorded",
    "Requests that Envoy has counted and that left no record.",
    registry=REGISTRY,
)
denied_consumers = Gauge(
    "paceline_gateway_denied_consumers",
    "Consumers that get nothing now: Budget (used up), Suspended, or Unasked (the ledger is silent for too long).",
    ["reason"],
    registry=REGISTRY,
)


def denied(found: Iterable[Denied]) -> None:
    """Show a deny list."""
    reasons = [each.reason for each in found]
    for reason in get_args(Denial):
        denied_consumers.labels(reason).set(reasons.count(reason))


#: When the ledger last told of budgets, in seconds since boot.
heard: dict[str, float] = {}
#: When something was last fetched or shipped, in seconds since boot.
fetched: dict[str, float] = {}
shipped: dict[str, float] = {}
_BEGAN = boottime()

#: Envoy's counters and gauges by their names; {} while it does not answer.
seen: dict[str, int] = {}
PATTERN = (
    r"^http\.gateway\.downstream_(rq_(total|active|completed|[1-5]xx)|cx_active)$"
    r"|^server\.memory_allocated$|^filesystem\.write_failed$"
)
_HTTP = "http.gateway.downstream_"


class Ages(Collector):
    """How long ago something was done."""

    def collect(self) -> Iterable[Metric]:
        """Gauges."""
        now = boottime()
        age = GaugeMetricFamily(
            "paceline_gateway_fetch_age_seconds",
            "Time since the operator last answered, with news or without.",
            labels=["what"],
        )
        for what in ("program", "addresses"):
            age.add_metric([what], now - fetched.get(what, _BEGAN))
        yield age
        yield GaugeMetricFamily(
            "paceline_gateway_ship_age_seconds",
            "Time since the ledger last acknowledged a part of the log.",
            value=now - shipped.get("log", _BEGAN),
        )
        yield GaugeMetricFamily(
            "paceline_gateway_deny_age_seconds",
            "Time since the ledger last told whose budget is used up, with news or without.",
            value=now - heard.get("ledger", _BEGAN),
        )


class Envoy(Collector):
    """What Envoy counts. Its counters begin anew with each of its starts."""

    def collect(self) -> Iterable[Metric]:
        """Counters and gauges."""
        yield GaugeMetricFamily("paceline_gateway_up", "1 while Envoy answers on loopback.", value=bool(seen))
        received = CounterMetricFamily("paceline_gateway_requests_received", "Requests that came.")
        answered = CounterMetricFamily(
            "paceline_gateway_requests_answered", "Requests that were answered, by the first digit.", labels=["code"]
        )
        active = GaugeMetricFamily("paceline_gateway_requests_active", "Requests under way.")
        connections = GaugeMetricFamily("paceline_gateway_connections_active", "Connections of clients.")
        memory = GaugeMetricFamily("paceline_gateway_memory_bytes", "Memory that Envoy has allocated.")
        failed = CounterMetricFamily(
            "paceline_gateway_log_write_failures", "Writes of Envoy to its log that failed; their lines are lost."
        )
        if seen:
            received.add_metric([], seen.get(f"{_HTTP}rq_total", 0))
            for digit in "12345":
                answered.add_metric([f"{digit}xx"], seen.get(f"{_HTTP}rq_{digit}xx", 0))
            active.add_metric([], seen.get(f"{_HTTP}rq_active", 0))
            connections.add_metric([], seen.get(f"{_HTTP}cx_active", 0))
            memory.add_metric([], seen.get("server.memory_allocated", 0))
            failed.add_metric([], seen.get("filesystem.write_failed", 0))
        yield from (received, answered, active, connections, memory, failed)


REGISTRY.register(Ages())
REGISTRY.register(Envoy())
