"""Every metric of the operator, in one registry.

`DOCUMENTED` is what docs/reference/metrics.md lists; a test compares the two with the registry.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # process_cpu_seconds_total, process_resident_memory_bytes, …
PlatformCollector(registry=REGISTRY)

_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

reconcile_total = Counter(
    "paceline_reconcile", "Reconciles by kind and how they ended.", ["kind", "result"], registry=REGISTRY
)
reconcile_seconds = Histogram(
    "paceline_reconcile_duration_seconds",
    "Time of one reconcile, API calls included.",
    ["kind"],
    buckets=_FAST,
    registry=REGISTRY,
)
queue_depth = Gauge("paceline_queue_depth", "Keys that wait for a worker.", ["kind"], registry=REGISTRY)
queue_wait_seconds = Histogram(
    "paceline_queue_wait_seconds", "Time a key waited for a worker.", ["kind"], buckets=_FAST, registry=REGISTRY
)
objects = Gauge(
    "paceline_objects",
    "Objects in the operator's cache, by the kind that they belong to.",
    ["kind", "owner"],
    registry=REGISTRY,
)
gateway_condition = Gauge(
    "paceline_gateway_condition",
    "1 where the condition is True, 0 where it is False, -1 where it is Unknown (leader only).",
    ["namespace", "name", "condition"],
    registry=REGISTRY,
)
consumer_condition = Gauge(
    "paceline_consumer_condition",
    "1 where the condition is True, 0 where it is False, -1 where it is Unknown (leader only).",
    ["namespace", "name", "condition"],
    registry=REGISTRY,
)
condition = Gauge(
    "paceline_modeldeployment_condition",
    "1 where the condition is True, 0 where it is False, -1 where it is Unknown (leader only).",
    ["namespace", "name", "condition"],
    registry=REGISTRY,
)
ledger_read_failures_total = Counter(
    "paceline_ledger_read_failures",
    "Times the ledger could not be asked what users met.",
    registry=REGISTRY,
)
ledger_config_failures_total = Counter(
    "paceline_ledger_config_failures",
    "Times the ledger could not be told of consumers, prices and models.",
    registry=REGISTRY,
)
certificate_expires = Gauge(
    "paceline_certificate_expires_timestamp_seconds",
    "When the certificate that agents are shown is good no longer, in seconds since 1970; 0 while there is none.",
    registry=REGISTRY,
)
api_requests_total = Counter(
    "paceline_api_requests", "Requests to the API server.", ["verb", "resource", "code"], registry=REGISTRY
)
api_seconds = Histogram(
    "paceline_api_request_duration_seconds",
    "Time from sending a request to its whole answer.",
    ["verb"],
    buckets=_FAST,
    registry=REGISTRY,
)
api_throttled_seconds_total = Counter(
    "paceline_api_throttled_seconds", "Time writes waited for the client-side ceiling.", registry=REGISTRY
)
fenced_total = Counter(
    "paceline_fenced", "Writes not sent because the Lease was not held.", ["resource"], registry=REGISTRY
)
leader = Gauge("paceline_leader", "1 while this process holds the Lease.", registry=REGISTRY)
leader_changes_total = Counter(
    "paceline_leader_changes", "Times this process gained or lost the Lease.", ["change"], registry=REGISTRY
)
watch_events_total = Counter(
    "paceline_watch_events", "Events read from watch streams.", ["resource"], registry=REGISTRY
)
watch_restarts_total = Counter(
    "paceline_watch_restarts", "Times the watcher ended and was started again.", registry=REGISTRY
)
watch_age_seconds = Gauge(
    "paceline_watch_age_seconds", "Time since the quietest watch stream last said anything.", registry=REGISTRY
)
resync_seconds = Histogram(
    "paceline_resync_duration_seconds", "Time of one comparison of the cache with the API server.", registry=REGISTRY
)
resync_corrections_total = Counter(
    "paceline_resync_corrections",
    "Cache entries that a comparison found wrong: differing, missing or vanished.",
    ["resource", "found"],
    registry=REGISTRY,
)
resync_failures_total = Counter(
    "paceline_resync_failures", "Comparisons that could not be finished.", registry=REGISTRY
)
events_total = Counter("paceline_events", "Kubernetes Events posted.", ["type"], registry=REGISTRY)
events_dropped_total = Counter(
    "paceline_events_dropped",
    "Kubernetes Events not posted: repeated, or the queue was full.",
    ["why"],
    registry=REGISTRY,
)
scrapes_total = Counter("paceline_scrapes", "Reads of engine metrics.", ["result"], registry=REGISTRY)
probes_total = Counter("paceline_probes", "Probe inferences sent to idle engines.", ["result"], registry=REGISTRY)
config_reloads_total = Counter(
    "paceline_config_reloads", "Changed configuration files read.", ["result"], registry=REGISTRY
)

#: Name as Prometheus stores it → what it says. docs/reference/metrics.md is written from the same registry.
DOCUMENTED: dict[str, str] = {
    family.name: family.documentation for family in REGISTRY.collect() if family.name.startswith("paceline_")
}
