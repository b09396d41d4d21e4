"""Every metric of an adapter, in one registry of its own; docs/reference/metrics.md lists them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

answers_total = Counter(
    "paceline_gateway_adapter_answers",
    "Answers of models that were looked at, by what was found: Matched, Mismatched, Unchecked (in time), Broken.",
    ["found"],
    registry=REGISTRY,
)
repeats_total = Counter(
    "paceline_gateway_adapter_repeats",
    "Requests that were made once more because an answer did not match.",
    registry=REGISTRY,
)
refused_total = Counter(
    "paceline_gateway_adapter_refused", "Requests that the adapter answered by itself, by code.", ["code"],
    registry=REGISTRY,
)  # fmt: skip
active = Gauge("paceline_gateway_adapter_requests_active", "Requests under way.", registry=REGISTRY)
