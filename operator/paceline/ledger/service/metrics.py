"""Every metric of the ledger, in one registry of its own: it is another process than the operator.

docs/reference/metrics.md lists them; a test compares it with the registry.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

_WAITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)

records_total = Counter(
    "paceline_ledger_records",
    "Lines of gateways' logs by what became of them: Recorded, Replayed or Quarantined.",
    ["outcome"],
    registry=REGISTRY,
)
overruns_total = Counter(
    "paceline_ledger_reservation_overruns",
    "Requests that cost more than was reserved for them.",
    registry=REGISTRY,
)
unmeasured_total = Counter(
    "paceline_ledger_unmeasured_answers",
    "Whole answers whose backend said nothing of what it used (Missing), or no possible figure (Reported).",
    ["model", "source"],
    registry=REGISTRY,
)
requests_eligible_total = Counter(
    "paceline_requests_eligible", "Requests that count for the objective.", ["deployment"], registry=REGISTRY
)
requests_good_total = Counter(
    "paceline_requests_good", "Requests of those that met the objective.", ["deployment"], registry=REGISTRY
)
objective_ratio = Gauge(
    "paceline_slo_objective_ratio",
    "Share of the eligible requests that is to be good (spec.slo.objectivePercent), 0 to 1.",
    ["deployment"],
    registry=REGISTRY,
)
tokens_total = Counter(
    "paceline_tokens", "Tokens of prompts (input) and answers (output).", ["deployment", "direction"], registry=REGISTRY
)
budget_remaining = Gauge(
    "paceline_budget_remaining",
    "What is left of a budget in its period, in the currency of the installation.",
    ["consumer", "budget"],
    registry=REGISTRY,
)
denied_consumers = Gauge("paceline_ledger_denied_consumers", "Consumers on a deny list.", registry=REGISTRY)
admissions_total = Counter(
    "paceline_admissions",
    "Requests that asked for admission, by the code of the answer; Admitted where they went on.",
    ["code"],
    registry=REGISTRY,
)
admission_seconds = Histogram(
    "paceline_admission_duration_seconds",
    "Time of one answer, the wait for an engine included.",
    buckets=_WAITS,
    registry=REGISTRY,
)
waiting_requests = Gauge(
    "paceline_admission_waiting_requests", "Requests that wait for an engine.", ["deployment"], registry=REGISTRY
)
in_flight_requests = Gauge(
    "paceline_admission_in_flight_requests",
    "Requests that have a place at an engine (the owning replica only).",
    ["deployment"],
    registry=REGISTRY,
)
expired_total = Counter(
    "paceline_ledger_reservations_expired",
    "Requests whose reservation was given back because no record came.",
    registry=REGISTRY,
)
engine_reads_total = Counter(
    "paceline_ledger_engine_reads", "Reads of engines' metrics.", ["result"], registry=REGISTRY
)
store_failures_total = Counter(
    "paceline_ledger_store_failures", "Calls of the database that failed.", ["reason"], registry=REGISTRY
)
config_generation = Gauge(
    "paceline_ledger_config_generation", "Generation of the document that is in force.", registry=REGISTRY
)
config_refused_total = Counter(
    "paceline_ledger_config_refused", "Documents that were refused: Invalid or Outdated.", ["reason"], registry=REGISTRY
)
unauthorized_total = Counter(
    "paceline_ledger_unauthorized", "Requests without a token that allows them.", registry=REGISTRY
)
