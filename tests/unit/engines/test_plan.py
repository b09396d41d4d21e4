"""What a spec resolves to."""

from __future__ import annotations

from decimal import Decimal

import pytest

from paceline import engines
from paceline.errors import Stalled
from tests.support import models


def stalled(md, profile=None):
    with pytest.raises(Stalled) as refused:
        models.plan(md, profile)
    return refused.value


def test_a_sim_uri_runs_the_simulator_from_the_operators_image():
    plan = models.plan()
    assert (plan.type, plan.image, plan.batching) == ("Simulator", "registry.example.com/paceline:1", "Continuous")
    assert plan.command == ("paceline", "engine-sim")
    assert plan.args == (
        "--model=sim://llama-3-8b-h100",
        "--served-name=chat",
        "--host=0.0.0.0",
        "--port=8000",
        "--batching=continuous",
        "--drain-seconds=300",
    )


def test_the_simulators_image_and_arguments_can_be_given():
    plan = models.plan(models.model({"engine": {"image": "r/sim:2", "args": ["--seed=3"]}}))
    assert plan.image == "r/sim:2"
    assert plan.args[-1] == "--seed=3"


@pytest.mark.parametrize(
    ("batching", "name", "args"),
    [
        ({"type": "Continuous"}, "Continuous", ("--batching=continuous",)),
        (
            {"type": "Dynamic", "dynamic": {"maxBatchSize": 4, "windowMilliseconds": 20}},
            "Dynamic",
            ("--batching=dynamic", "--max-batch-size=4", "--window-milliseconds=20"),
        ),
        ({"type": "Static", "static": {"batchSize": 4}}, "Static", ("--batching=static", "--max-batch-size=4")),
    ],
)
def test_the_simulator_batches_as_it_is_told(batching, name, args):
    plan = models.plan(models.model({"engine": {"batching": batching}}))
    assert plan.batching == name
    assert plan.args[4:-1] == args


@pytest.mark.parametrize("kind", ["Dynamic", "Static"])
def test_batching_without_its_block_is_refused(kind):
    refused = stalled(models.model({"engine": {"batching": {"type": kind}}}))
    assert refused.reason == "UnsupportedBatching"
    assert f"spec.engine.batching.{kind.lower()} is missing" in refused.message


@pytest.mark.parametrize("arg", ["--port=1", "--port", "--model=x"])
def test_arguments_that_paceline_sets_are_refused(arg):
    refused = stalled(models.model({"engine": {"args": [arg]}}))
    assert refused.reason == "InvalidSpec"
    assert f"spec.engine.args sets {arg.partition('=')[0]}" in refused.message


def test_an_image_uri_runs_that_image_with_nothing_added():
    plan = models.plan(models.custom())
    assert (plan.type, plan.image, plan.command, plan.args) == ("Custom", "registry.example.com/engine:1", (), ())
    assert (plan.batching, plan.metrics, plan.inference, plan.port) == ("Engine", None, "OpenAI", 8000)
    assert plan.probes.readiness.path == "/health"


def test_a_custom_engine_is_run_as_it_is_described():
    own = {
        "command": ["/serve"],
        "port": 8080,
        "readinessPath": "/ready",
        "inference": "None",
        "metrics": {"path": "/m"},
    }
    plan = models.plan(models.custom({"type": "Custom", "args": ["-v"], "custom": own}))
    assert (plan.command, plan.args, plan.port, plan.inference) == (("/serve",), ("-v",), 8080, "None")
    assert {plan.probes.startup.path, plan.probes.readiness.path, plan.probes.liveness.path} == {"/ready"}
    assert plan.metrics is not None
    assert (plan.metrics.path, plan.metrics.ttft) == ("/m", "vllm:time_to_first_token_seconds")


def test_a_custom_engine_takes_no_batching():
    refused = stalled(models.custom({"batching": {"type": "Continuous"}}))
    assert refused.reason == "UnsupportedBatching"
    assert "registry.example.com/engine:1" in refused.message


def test_an_engine_that_does_not_fit_its_uri_is_refused():
    refused = stalled(models.model({"engine": {"type": "Custom"}}))
    assert refused.reason == "InvalidSpec"
    assert "spec.engine.type is Custom" in refused.message
    assert "needs Simulator" in refused.message


def test_a_uri_of_another_release_is_refused():
    refused = stalled(models.model({"model": {"uri": "oci://a/b"}}))
    assert "oci://a/b" in refused.message
    assert "image:// and sim://" in refused.message


def test_accelerators_cannot_be_counted_where_there_are_none():
    refused = stalled(models.model({"hardware": {"count": 4}}))
    assert refused.reason == "InvalidSpec"
    assert "spec.hardware.count is 4" in refused.message


def test_resources_are_the_profiles_and_the_accelerators():
    profile = models.hardware(
        acceleratorResource="nvidia.com/gpu", resources={"requests": {"memory": "1024Mi", "cpu": "2"}}
    )
    plan = models.plan(models.model({"hardware": {"count": 2}}), profile)
    assert plan.requests == (("cpu", "2"), ("memory", "1Gi"), ("nvidia.com/gpu", "2"))
    assert plan.limits == (("nvidia.com/gpu", "2"),)


def test_the_price_of_a_replica_is_that_of_all_its_accelerators():
    profile = models.hardware(acceleratorResource="nvidia.com/gpu", pricePerHour="2.49", currency="EUR")
    plan = models.plan(models.model({"hardware": {"count": 4}}), profile)
    assert (plan.price_per_hour, plan.currency, plan.profile) == (Decimal("9.96"), "EUR", "sim")


def test_times_of_the_spec_are_those_of_the_plan():
    plan = models.plan(models.model({"lifecycle": {"startupSeconds": 60, "drainSeconds": 30}}))
    assert plan.probes.startup.period_seconds * plan.probes.startup.failure_threshold == 60
    assert plan.termination_grace_seconds == plan.pre_stop_seconds + 30 + 5


def test_an_engine_that_never_answered_is_not_drained():
    probes = models.plan().probes
    assert probes.startup.grace_seconds == 10
    assert probes.liveness.grace_seconds is None


def test_liveness_is_far_more_patient_than_readiness():
    probes = models.plan().probes
    patience = probes.liveness.period_seconds * probes.liveness.failure_threshold
    assert patience >= 8 * probes.readiness.period_seconds * probes.readiness.failure_threshold


@pytest.mark.parametrize(
    ("md", "how"), [(models.model(), "OpenAI"), (models.custom({"custom": {"inference": "None"}}), "None")]
)
def test_how_a_model_is_tested_is_known_without_a_plan(md, how):
    assert engines.inference(md) == how
