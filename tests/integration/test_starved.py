"""F3: an operator that gets 5 % of a core, and one that the kernel kills for want of memory.

PACELINE_TEST_SIZE=full also starts one with that little.
"""

from __future__ import annotations

import os
import time

import pytest

from paceline.kube.resources import DEPLOYMENTS
from tests.support.cage import cage
from tests.support.objects import objects_of
from tests.support.operator_process import OperatorProcess, configuration
from tests.support.product import condition, modeldeployment
from tests.support.waiting import wait_until

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
#: What the table of faults allows.
CONVERGES_SECONDS = 60.0
CPU_PERCENT = 5
#: The kubelet asks every 10 s and kills at the sixth failure in a row; here we ask more often.
ASK_SECONDS = 1.0
MOST_FAILURES = 6
MODELS = 3
CROWD = 40
PAGE = 2**12


@pytest.fixture
def caged():
    with cage() as made:
        yield made


@pytest.fixture
def objects(cluster):
    cluster.install_kinds()
    with objects_of(cluster.kubeconfig) as objects:
        yield objects


@pytest.fixture
def operator(caged, cluster, namespace, tmp_path):
    settings = configuration(namespace)
    settings["leaderElection"] = {"leaseNamespace": namespace}  # the times of the chart
    process = OperatorProcess(tmp_path, settings, cluster.kubeconfig, "starved", measured=False)
    yield process
    process.kill()


def want(objects, namespace, replicas, count=MODELS):
    for number in range(count):
        spec = {"replicas": replicas, "hardware": {"profile": "nowhere"}}
        objects.apply(modeldeployment(f"m-{number}", namespace, **spec))


def converged(objects, namespace, replicas, count=MODELS):
    deployments = objects.all(DEPLOYMENTS, namespace, "paceline.dev/modeldeployment")
    models = [objects.model(namespace, f"m-{number}") for number in range(count)]
    return [one["spec"]["replicas"] for one in deployments] == [replicas] * count and all(
        condition(one, "Ready").get("observedGeneration") == one["metadata"]["generation"] for one in models
    )


def worked_off(objects, namespace, operator, replicas):
    """The seconds until everything is as wanted. Health is asked all the while, as a kubelet does."""
    begun, row, worst = time.monotonic(), 0, 0

    def look():
        nonlocal row, worst
        row = 0 if operator.get("/healthz") == 200 else row + 1
        worst = max(worst, row)
        assert operator.alive, operator.tail
        return converged(objects, namespace, replicas)

    wait_until(look, CONVERGES_SECONDS, f"{replicas} replicas: {operator.tail}", every=ASK_SECONDS)
    assert worst < MOST_FAILURES, "a kubelet would have killed it"
    return time.monotonic() - begun


@pytest.mark.timeout(300)
def test_an_operator_with_a_twentieth_of_a_core_does_its_work_and_is_not_taken_for_dead(
    caged, objects, namespace, operator
):
    operator.start()
    operator.ready()
    wait_until(operator.leads, 20, "it leads")
    caged.hold(operator.pid)
    caged.give_cpu(CPU_PERCENT)
    for replicas in (1, 2):
        want(objects, namespace, replicas)
        print(f"{replicas} replicas after {worked_off(objects, namespace, operator, replicas):.1f} s")
    assert caged.times_throttled() > 0, "it was short of CPU"


@pytest.mark.timeout(300)
@pytest.mark.skipif(not FULL, reason="starting with 5 % of a core takes a minute: PACELINE_TEST_SIZE=full")
def test_an_operator_that_starts_with_a_twentieth_of_a_core_is_up_before_its_startup_probe_gives_up(
    caged, objects, namespace, operator
):
    caged.give_cpu(CPU_PERCENT)
    operator.start()
    caged.hold(operator.pid)
    begun = time.monotonic()
    wait_until(lambda: operator.get("/healthz") == 200, 60, f"it answers: {operator.tail}")
    print(f"answered after {time.monotonic() - begun:.1f} s")
    want(objects, namespace, 1)
    worked_off(objects, namespace, operator, 1)


def test_an_operator_killed_for_want_of_memory_in_the_middle_of_its_work_loses_none(
    caged, objects, namespace, operator
):
    operator.start()
    caged.hold(operator.pid)
    operator.ready()
    wait_until(operator.leads, 20, "it leads")
    caged.give_memory((caged.used_memory() // PAGE + 64) * PAGE)
    want(objects, namespace, 1, CROWD)
    wait_until(lambda: not operator.alive, 40, "it needs more than it may have")
    assert caged.killed_for_memory() == 1
    assert not converged(objects, namespace, 1, CROWD), "there was work left"
    operator.start()
    begun = time.monotonic()
    operator.ready()
    wait_until(lambda: converged(objects, namespace, 1, CROWD), CONVERGES_SECONDS, operator.tail, every=0.5)
    print(f"{CROWD} models after {time.monotonic() - begun:.1f} s")
