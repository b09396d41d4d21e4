"""A work order's "Done when", point by point: what runs it and what it depends on."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Inputs shared by everything that runs the operator.
OPERATOR = ("operator/paceline", "requirements", "charts", "crds", "deploy", "tests/support")


@dataclass(frozen=True)
class Point:
    """One point of a work order.

    Attributes:
        number: Position, 1-based, what POINT= names.
        title: The promise, in a sentence.
        command: Arguments of the process that shows it. Exit status 0 means kept. Where its last line of
            standard output is a JSON object, its members are the figures; else the last line is the figure.
        inputs: Files and folders whose content it depends on; unchanged inputs and a kept point are not run again.
        environment: Variables that ask for the full size.
        minutes: Time limit.
    """

    number: int
    title: str
    command: tuple[str, ...]
    inputs: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    minutes: int = 40


def pytest(*arguments: str) -> tuple[str, ...]:
    """The command line that runs these tests."""
    return (sys.executable, "-m", "pytest", "-q", "--timeout=2400", *arguments)


def module(*arguments: str) -> tuple[str, ...]:
    """The command line that runs this module of the project."""
    return (sys.executable, "-m", *arguments)


FULL = {"PACELINE_TEST_SIZE": "full"}

FIRST_LIGHT = (
    Point(
        1,
        "Fresh clone, nothing of ours on the machine: `make demo`, cold and again warm",
        module("tests.acceptance.fresh", "demo", "demo"),
        (*OPERATOR, "pyproject.toml", "Makefile", "README.md"),
    ),
    Point(
        2,
        "Fresh clone, nothing of ours on the machine: `make test`, cold",
        module("tests.acceptance.fresh", "test"),
        (*OPERATOR, "pyproject.toml", "Makefile", "tests", "docs"),
        minutes=65,
    ),
    Point(
        3,
        "`make test`, warm",
        module("tests.acceptance.fresh", "--warm", "test"),
        (*OPERATOR, "pyproject.toml", "Makefile", "tests", "docs"),
    ),
    Point(
        4,
        "apply, Ready, streamed answer by the openai client, delete leaves nothing; operator killed at random points",
        pytest("tests/e2e/test_lifecycle.py", "tests/integration/test_restart.py"),
        (*OPERATOR, "tests/e2e/test_lifecycle.py", "tests/integration/test_restart.py"),
        FULL,
    ),
    Point(
        5,
        "Two operators: only the Lease holder writes, also after SIGSTOP for 5 minutes and CONT",
        pytest("tests/integration/test_leader.py"),
        (*OPERATOR, "tests/integration/test_leader.py"),
        FULL,
    ),
    Point(
        6,
        "Kopf's failures K1-K16 are survived",
        pytest("tests/component", "tests/integration/test_kopf_faults.py"),
        (*OPERATOR, "tests/component", "tests/faultproxy", "tests/integration/test_kopf_faults.py"),
        FULL,
    ),
    Point(
        7,
        "Every bad input is a condition with reason and remedy within 30 s, and heals by itself",
        pytest("tests/integration/test_admission.py", "tests/integration/test_bad_input.py"),
        (*OPERATOR, "tests/integration/test_admission.py", "tests/integration/test_bad_input.py"),
        FULL,
    ),
    Point(
        8,
        "10 minutes of azure_llm_2023_conv, open loop, two replicas, three runs: client against the engine's truth",
        module("tests.acceptance.replay"),
        (*OPERATOR, "loadtests", "tests/acceptance/replay.py"),
        FULL,
    ),
    Point(9, "checkov: no failure without a written reason", pytest("tests/scan"), (*OPERATOR, "tests/scan")),
    Point(
        10,
        "engine-sim: fit of the step model; a loopback client against the truth log",
        pytest("tests/unit/sim", "tests/component/enginesim/test_truth.py"),
        (
            "operator/paceline/sim",
            "operator/paceline/enginesim",
            "tests/unit/sim",
            "tests/component/enginesim",
            "tests/data",
        ),
    ),
    Point(
        11,
        "engine-sim: streamed tokens per second on one core, loop lag",
        module("tests.bench", "enginesim_throughput"),
        ("operator/paceline/enginesim", "operator/paceline/sim", "tests/bench"),
        FULL,
    ),
    Point(
        12,
        "1,000 ModelDeployments: applied, quiet, one change, restart",
        module("tests.bench", "scale"),
        (*OPERATOR, "tests/bench"),
        FULL,
    ),
    Point(
        13,
        "Curve at 100, 300, 1,000, 3,000 ModelDeployments",
        module("tests.bench", "curve"),
        (*OPERATOR, "tests/bench"),
        FULL,
    ),
    Point(
        14,
        "kubectl apply to first token on the warm cluster, engine-sim with 2 s load time",
        module("tests.bench", "first_token"),
        (*OPERATOR, "tests/bench"),
        FULL,
    ),
    Point(
        15,
        "Idle CPU at 100 objects with probes off",
        module("tests.bench.scale", "--count", "100", "--quiet", "300", "--changes", "0"),
        (*OPERATOR, "tests/bench"),
        FULL,
    ),
)

_EXAMINED = (*OPERATOR, "tests/examiner", "tests/faultproxy", "tests/integration/examiner")
_PLANS = "tests/integration/examiner/test_plans.py"
_FAULTS = (
    *(
        f"tests/integration/test_{name}.py"
        for name in ("admission", "bad_input", "etcd", "hand_list", "kopf_faults", "rights_lost", "starved")
    ),
    *(f"tests/e2e/test_{name}.py" for name in ("apiserver_gone", "node_drained", "node_lost")),
)
_WORKLOADS = ("create", "roll", "revert", "scale", "delete", "recreate")

MODEL_DEPLOYMENT = (
    *(
        Point(
            number,
            f"Workload {workload}: killed around each effective write, views hidden and stale, every API fault",
            pytest(f"{_PLANS}::test_a_troubled_run_ends_as_an_untroubled_one_does[{workload}]"),
            _EXAMINED,
            FULL,
        )
        for number, workload in enumerate(_WORKLOADS, 1)
    ),
    Point(
        7,
        "1,000 random transitions: the ready floor holds at every instant",
        pytest("tests/integration/examiner/test_transitions.py"),
        _EXAMINED,
        FULL,
    ),
    Point(
        8,
        "Image, arguments, back in mid-rollout, 3-1-3 under load, 30 % streams: no request fails, no stream is cut",
        pytest("tests/e2e/test_rollouts.py"),
        (*OPERATOR, "tests/e2e"),
        FULL,
    ),
    Point(
        9,
        "Peer bugs 1-5, 16-20 and 23 are named tests and pass",
        pytest("tests/integration/test_peer_bugs.py", "tests/e2e/test_peer_bugs.py"),
        (*OPERATOR, "tests/integration/test_peer_bugs.py", "tests/e2e"),
    ),
    Point(
        10,
        "Every planted bug of ours is caught by the one test that is there for it",
        pytest("tests/mutations"),
        ("operator/paceline", "tests/mutations", "tests/unit", "tests/component", "tests/support"),
        FULL,
    ),
    Point(
        11,
        "Acto-lite: every leaf touched, wrong ones refused or reported, right ones visible, no unexplained alarm",
        pytest("tests/integration/acto", "tests/unit/acto"),
        (*OPERATOR, "tests/acto", "tests/integration/acto", "tests/unit/acto"),
        FULL,
    ),
    Point(
        12,
        "A real GGUF model is served by llama.cpp through the same manifest shape and streams",
        pytest("-s", "tests/e2e/test_llamacpp.py"),
        (*OPERATOR, "tests/e2e/test_llamacpp.py"),
    ),
    Point(
        13,
        "Faults F1-F19 and bad input: named in 30 s with a remedy, the old revision serves, all heals by itself",
        pytest(*_FAULTS),
        (*OPERATOR, "tests/faultproxy", *_FAULTS),
        FULL,
    ),
)

_GATES = (*OPERATOR, "tests/envoy")


def _undisturbed(number: int, test: str, what: str) -> Point:
    title = f"No request fails and no stream is cut, 20,000 requests at 60/s, 30 % streams of 1-20 s: {what}"
    return Point(number, title, pytest("-s", f"tests/envoy/test_zero_failures.py::test_{test}"), _GATES, FULL)


GATEWAY = (
    Point(
        1,
        "The openai client and huggingface_hub's, unchanged, with a virtual key: all that they do, and each error",
        pytest("tests/envoy/test_clients.py"),
        _GATES,
    ),
    Point(
        2,
        "50 x 50 consumers and models, forged headers, nested and repeated model, 2 MB of decoys: as the spec says",
        pytest("tests/envoy/test_matrix.py"),
        _GATES,
        FULL,
    ),
    Point(
        3,
        "A answers 429, 500, times out, refuses, is slow: B with its own token and name, once; a row for each attempt",
        pytest("tests/envoy/test_fallback.py", "tests/envoy/test_fallback_drill.py"),
        _GATES,
    ),
    Point(
        4,
        "20,000 mixed requests, 20 SIGKILLs each of Envoy, agent and ledger: what Envoy received, exactly once",
        pytest("-s", "tests/envoy/test_usage_drill.py"),
        _GATES,
        FULL,
    ),
    Point(
        5,
        "64 clients on a nearly empty Hard budget, 3 Envoys, 300 trials: overspend 0, phantom refusals 0",
        pytest("tests/envoy/test_hard_budget.py"),
        _GATES,
        FULL,
    ),
    _undisturbed(6, "configurations_change_ten_times_a_second", "configuration changes at 10/s"),
    _undisturbed(7, "envoys_are_restarted_one_after_the_other", "Envoys restarted one after the other"),
    _undisturbed(8, "the_operator_goes_and_another_one_comes", "operators restarted"),
    _undisturbed(9, "agents_are_killed_and_restarted", "agents killed and restarted"),
    _undisturbed(10, "the_ledger_is_killed_and_restarted", "the ledger killed and restarted (Soft budgets)"),
    _undisturbed(11, "keys_are_rotated", "keys rotated"),
    _undisturbed(12, "engines_come_and_go", "engines scaled up and down"),
    Point(
        13,
        "Operators gone for 10 minutes and Envoy killed meanwhile: served again within 5 s",
        pytest("tests/envoy/test_agent.py::test_a_killed_envoy_serves_again_within_five_seconds_without_any_operator"),
        _GATES,
        FULL,
    ),
    Point(
        14,
        "CPU of the whole policy chain beside a bare Envoy; 5,000 models x 20 policies; memory at 10,000 keys",
        module("tests.bench", "gateway"),
        (*OPERATOR, "tests/bench"),
        FULL,
    ),
    Point(
        15,
        "Revocation, denial, weights, endpoints in force, n = 200; 5,000 models routed; the agent's memory",
        module("tests.bench", "gateway_changes"),
        (*OPERATOR, "tests/bench"),
        FULL,
    ),
    Point(
        16,
        "Requests and events per CPU second and added p99 at 100 streams, against LiteLLM's proxy",
        module("tests.bench", "gateway_litellm"),
        (*OPERATOR, "tests/bench"),
        FULL,
    ),
    Point(
        17,
        "Ledger: records a second on SQLite on one core, every sum exact",
        module("tests.bench", "ledger"),
        ("operator/paceline/ledger", "operator/paceline/decide", "operator/paceline/api", "tests/bench/ledger.py"),
        FULL,
    ),
    Point(
        18,
        "Canaries in keys and tokens of a gateway's processes: in no log, config_dump, metric, answer, argument",
        pytest("tests/envoy/test_canary.py"),
        _GATES,
    ),
)

WORK_ORDERS: dict[str, tuple[Point, ...]] = {
    "first-light": FIRST_LIGHT,
    "model-deployment": MODEL_DEPLOYMENT,
    "gateway": GATEWAY,
}
