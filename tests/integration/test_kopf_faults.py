"""K1 to K8, and F5: what ends or blinds kopf 1.45.2, done to the operator between it and a real API server.

Each test breaks the transport, then asks that the operator is alive and that what was wanted meanwhile comes about.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import time
from contextlib import ExitStack

import pytest

from paceline.kube.resources import DEPLOYMENTS, MODELDEPLOYMENTS
from tests.faultproxy.calls import calls, writes
from tests.faultproxy.proxy import proxying
from tests.faultproxy.rules import Answer, Cut, Delay, ErrorFrame, Silence
from tests.support.objects import objects_of
from tests.support.operator_process import configuration, operating
from tests.support.product import condition, modeldeployment
from tests.support.waiting import wait_until

#: Seconds of an outage: longer than kopf's first back-offs, and long enough for the Lease to run out.
OUTAGE_SECONDS = 6.0
#: Resync (5 s ± 20 %), Lease (4 s) and retries after an outage; the machine may be busy.
CONVERGES_SECONDS = 45.0
#: F5: 5 s for each call is the full size.
SLOW_SECONDS = 5.0 if os.environ.get("PACELINE_TEST_SIZE") == "full" else 0.5
SLOW_CONVERGES_SECONDS = 180.0
SECRET = "hf_" + secrets.token_hex(16)

watching = calls("list", "watch")


@pytest.fixture(scope="module")
def place(cluster):
    """A namespace for the whole file, with our CRDs in the cluster."""
    name = f"t-faults-{secrets.token_hex(3)}"
    cluster.install_kinds()
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def objects(cluster):
    with objects_of(cluster.kubeconfig) as objects:
        yield objects


@pytest.fixture(scope="module")
def proxy(cluster):
    with proxying(cluster.kubeconfig) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def process(place, proxy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("operator")
    with operating(folder, configuration(place), proxy.kubeconfig(folder)) as operator:
        wait_until(operator.leads, 20, "it leads")
        yield operator


@pytest.fixture
def operator(process):
    """The operator, which every test must leave as the same living process."""
    pid = process.pid
    yield process
    assert process.alive, process.tail
    assert process.pid == pid
    assert process.get("/healthz") == 200


@pytest.fixture
def model(place, proxy, objects, operator):
    """A model that the operator has brought about; watches run."""
    wait_until(lambda: proxy.watches(calls(of="modeldeployments")), 40, "the watch runs")
    name = f"m-{secrets.token_hex(3)}"
    want(objects, place, name, 1)
    converged(objects, place, name, operator)
    yield name
    objects.delete(MODELDEPLOYMENTS, place, name)


def want(objects, place, name, replicas):
    spec = {"replicas": replicas, "hardware": {"profile": "nowhere"}, "engine": {"args": [f"--note={SECRET}"]}}
    objects.apply(modeldeployment(name, place, **spec))


def state(objects, place, name):
    """Replicas of the Deployment, and whether the status speaks of the current generation."""
    found = objects.model(place, name)
    deployments = objects.all(DEPLOYMENTS, place, f"paceline.dev/modeldeployment={name}")
    seen = condition(found, "Ready").get("observedGeneration") == found.get("metadata", {}).get("generation", -1)
    return [deployment["spec"]["replicas"] for deployment in deployments], seen


def converged(objects, place, name, operator, replicas=1, seconds=CONVERGES_SECONDS):
    """Wait until everything is as wanted and said of the current generation; the seconds it took."""
    begun = time.monotonic()

    def look():
        assert operator.alive, operator.tail
        return state(objects, place, name) == ([replicas], True)

    wait_until(look, seconds, f"{name} has {replicas} replicas; {operator.tail}", every=0.3)
    return time.monotonic() - begun


def outage(operator, seconds=OUTAGE_SECONDS):
    """Let a fault last; the operator must live all the time."""
    until = time.monotonic() + seconds

    def over():
        assert operator.alive, operator.tail
        return time.monotonic() > until

    wait_until(over, seconds + 5, "the outage is over")


def changes_through(objects, place, model, operator):
    """A change made now, with all faults over, comes about."""
    want(objects, place, model, 2)
    return converged(objects, place, model, operator, replicas=2)


def test_k1_a_watch_error_500_does_not_end_the_operator(proxy, place, objects, operator, model):
    assert proxy.inject(calls("watch"), 500) >= 4
    with proxy.fault(calls("watch"), ErrorFrame(500)) as rule:
        wait_until(lambda: rule.struck > 1, 40, "new watches meet the error as well")
        want(objects, place, model, 3)
        # Without any watch: the resync notices.
        converged(objects, place, model, operator, replicas=3)
    wait_until(lambda: proxy.watches(calls(of="modeldeployments")), 60, "the watch runs again")
    changes_through(objects, place, model, operator)


@pytest.mark.parametrize("status", [503, 500])
def test_k2_a_server_that_is_unavailable_for_long_does_not_end_the_operator(
    proxy, place, objects, operator, model, status
):
    with proxy.fault(lambda _: True, Answer(status)) as rule:
        proxy.cut(calls("watch"))
        want(objects, place, model, 4)
        outage(operator, 2 * OUTAGE_SECONDS)
        assert rule.struck > 3
        assert state(objects, place, model)[0] == [1]
    converged(objects, place, model, operator, replicas=4)
    changes_through(objects, place, model, operator)


def test_k3_a_forbidden_watch_does_not_end_the_operator(proxy, place, objects, operator, model):
    with proxy.fault(watching, Answer(403)) as rule:
        proxy.cut(calls("watch"))
        outage(operator)
        assert rule.struck > 3
    changes_through(objects, place, model, operator)


def test_k4_too_many_requests_are_answered_by_patience(proxy, place, objects, operator, model):
    with proxy.fault(lambda call: call.resource != "leases", Answer(429, retry_after=1)) as rule:
        proxy.cut(calls("watch"))
        want(objects, place, model, 3)
        outage(operator)
        # 4 watches, 1 resync and 1 key that wait a second or longer between attempts.
        assert rule.struck < 15 * OUTAGE_SECONDS
    converged(objects, place, model, operator, replicas=3)


@pytest.fixture
def crowd(cluster, place):
    """More slices than one page of a list holds (kopf: 250, ours: 500)."""
    labels = {"app.kubernetes.io/managed-by": "paceline", "paceline.dev/modeldeployment": "absent", "crowd": "yes"}
    slices = [
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": f"crowd-{number}", "labels": labels},
            "addressType": "IPv4",
            "endpoints": [],
        }
        for number in range(510)
    ]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": slices})
    cluster.kubectl("create", "-n", place, "-f", "-", stdin=listed)
    yield
    cluster.kubectl("delete", "endpointslices", "-n", place, "-l", "crowd=yes", "--wait=false")


def test_k5_a_list_that_expires_while_it_is_read_does_not_end_the_operator(
    proxy, place, objects, operator, model, crowd
):
    def later_page(call):
        return call.verb == "list" and "continue" in call.query

    with proxy.fault(later_page, Answer(410, "The provided continue parameter is too old")) as rule:
        proxy.inject(calls("watch", of="endpointslices"), 410)  # kopf lists anew
        wait_until(lambda: rule.struck > 3, 60, "lists of several pages expire")
        changes_through(objects, place, model, operator)
    wait_until(lambda: proxy.watches(calls(of="endpointslices")), 60, "the watch runs again")


def test_k6_a_deletion_that_no_watch_told_is_noticed_by_the_resync(proxy, place, objects, operator, model):
    (deployment,) = objects.all(DEPLOYMENTS, place, f"paceline.dev/modeldeployment={model}")
    of = calls("list", "watch", of="deployments")
    # A watch from an old version gets 410, then the list and everything after it is without the object.
    with proxy.fault(calls("watch", of="deployments"), Answer(503)):
        proxy.cut(of)
        objects.delete(DEPLOYMENTS, place, deployment["metadata"]["name"])
        wait_until(
            lambda: (
                not objects.find(DEPLOYMENTS, place, deployment["metadata"]["name"])
                or objects.find(DEPLOYMENTS, place, deployment["metadata"]["name"])["metadata"]["uid"]
                != deployment["metadata"]["uid"]
            ),
            10,
            "it is gone",
        )
        proxy.add(calls("watch", of="deployments"), ErrorFrame(410), times=1)
    converged(objects, place, model, operator)
    (made,) = objects.all(DEPLOYMENTS, place, f"paceline.dev/modeldeployment={model}")
    assert made["metadata"]["uid"] != deployment["metadata"]["uid"]


def test_k6_a_model_deleted_unseen_is_forgotten_by_the_resync(proxy, place, objects, operator, model):
    of = calls("watch", of="modeldeployments")
    series = f'name="{model}"'
    wait_until(lambda: series in operator.page(), 20, "the metric of its condition is there")
    with proxy.fault(of, Answer(410)):  # kopf lists, and never hears of the deletion
        proxy.cut(of)
        objects.delete(MODELDEPLOYMENTS, place, model)
        wait_until(lambda: series not in operator.page(), 20, "the operator has forgotten it")
    wait_until(lambda: not objects.children(place, model), 30, "its children went with it")


STATUS_FAULTS = {
    "a conflict": (Answer(409), 1),
    "a refusal": (Answer(422, "a status that the schema refuses"), 1),
    "an outage": (Answer(503), 2),
    "no etcd leader": (Answer(500, "etcdserver: no leader"), 2),
    "a lost connection": (Cut(), 1),
    "a lost answer": (Cut(done=True), 1),
}


@pytest.fixture
def lonely(place, objects, operator):
    """A model of an unknown profile: it has no children, so nobody but its user makes news of it."""
    name = f"m-{secrets.token_hex(3)}"
    objects.apply(modeldeployment(name, place, hardware={"profile": "ghost-1"}))
    wait_until(lambda: '"ghost-1"' in told(objects, place, name), CONVERGES_SECONDS, "its status is written")
    yield name
    objects.delete(MODELDEPLOYMENTS, place, name)


def told(objects, place, name):
    return condition(objects.model(place, name), "Accepted").get("message", "")


@pytest.mark.parametrize("kind", STATUS_FAULTS)
def test_k7_a_status_write_that_failed_is_made_again_without_any_news(proxy, place, objects, operator, lonely, kind):
    action, times = STATUS_FAULTS[kind]
    of = calls("patch", of="modeldeployments", subresource="status", name=lonely)
    with proxy.fault(of, action, times=times) as rule:
        objects.apply(modeldeployment(lonely, place, hardware={"profile": "ghost-2"}))
        wait_until(lambda: '"ghost-2"' in told(objects, place, lonely), CONVERGES_SECONDS, "its status is written")
        assert rule.struck == times


def test_k7_writes_that_fail_for_long_are_made_when_they_work_again(proxy, place, objects, operator, model):
    # etcd without space: watches live, every write fails, the Lease's too.
    with proxy.fault(lambda call: call.write, Answer(500, "etcdserver: mvcc: database space exceeded")):
        want(objects, place, model, 2)
        outage(operator)
    converged(objects, place, model, operator, replicas=2)


def test_k8_neither_logs_nor_annotations_hold_what_objects_say(proxy, place, objects, operator, model):
    proxy.inject(calls("watch"), 500)
    with proxy.fault(writes, Answer(500), times=3):
        changes_through(objects, place, model, operator)
    assert operator.lines(), "every line is JSON"
    assert SECRET not in operator.output
    assert "managedFields" not in operator.output
    assert "last-handled-configuration" not in operator.output
    for found in (objects.model(place, model), *objects.children(place, model)):
        metadata = found["metadata"]
        assert "kopf" not in json.dumps(metadata.get("annotations", {}))
        assert "finalizers" not in metadata
        assert all("kopf" not in entry["manager"] for entry in metadata["managedFields"])


def test_half_open_connections_are_noticed_by_the_resync(proxy, place, objects, operator, model):
    with proxy.fault(calls("watch"), Silence()):
        want(objects, place, model, 2)
        converged(objects, place, model, operator, replicas=2)


def test_watches_that_are_cut_again_and_again_lose_nothing(proxy, place, objects, operator, model):
    with proxy.fault(calls("watch"), Cut(after=0.5)):
        proxy.cut(calls("watch"))
        for replicas in (2, 3, 1):
            want(objects, place, model, replicas)
            converged(objects, place, model, operator, replicas=replicas)


@pytest.fixture
def leading(cluster, proxy, tmp_path):
    """An operator with the Lease that it has by default, and its namespace: a write may take what the Lease lasts."""
    cluster.install_kinds()
    place = f"t-slow-{secrets.token_hex(3)}"
    cluster.kubectl("create", "namespace", place)
    settings = configuration(place, leaderElection={"leaseNamespace": place})
    with operating(tmp_path, settings, proxy.kubeconfig(tmp_path)) as operator:
        wait_until(operator.leads, 20, "it leads")
        yield operator, place
        assert operator.alive, operator.tail
        assert operator.get("/healthz") == 200
    cluster.kubectl("delete", "namespace", place, "--wait=false")


@pytest.mark.timeout(900)
def test_f5_an_api_server_that_is_slow_and_fails_a_third_of_the_calls_only_costs_time(proxy, objects, leading):
    operator, place = leading
    chance = random.Random(5)
    failures = (Answer(500), Answer(503), Cut())

    def slowed(call):
        return call.namespace == place and call.resource != "leases" and call.verb != "watch"

    def some(of):
        return lambda call: slowed(call) and call.verb != "list" and chance.random() < of

    want(objects, place, "model", 1)
    converged(objects, place, "model", operator)
    with ExitStack() as faults:
        failing = [faults.enter_context(proxy.fault(some(0.1), action)) for action in failures]
        late = faults.enter_context(proxy.fault(slowed, Delay(SLOW_SECONDS)))
        for replicas in (2, 3, 4, 5):
            want(objects, place, "model", replicas)
            took = converged(objects, place, "model", operator, replicas=replicas, seconds=SLOW_CONVERGES_SECONDS)
            print(f"converged after {took:.1f} s with {SLOW_SECONDS} s for each call")
        assert late.struck > 0
        assert sum(rule.struck for rule in failing) > 0
