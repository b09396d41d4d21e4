"""Two operators on a real API server: the Lease decides who writes, and nothing late gets through.

Each operator has a proxy of its own, which sees all that it sends, so a write is known by its sender. Normally the
Lease is a short one; PACELINE_TEST_SIZE=full stops the holder for 5 minutes under the default Lease.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from paceline.kube.resources import DEPLOYMENTS, LEASES, MODELDEPLOYMENTS
from tests.faultproxy.calls import calls, writes
from tests.faultproxy.proxy import FaultProxy, proxying
from tests.faultproxy.rules import Answer, Hold, Silence
from tests.support.objects import objects_of
from tests.support.operator_process import OperatorProcess, configuration, operating
from tests.support.product import condition, modeldeployment
from tests.support.waiting import wait_until

FULL = os.environ.get("PACELINE_TEST_SIZE") == "full"
LEASE_SECONDS = 15 if FULL else 4
ELECTION = {"leaseDurationSeconds": 15, "renewDeadlineSeconds": 10, "retryPeriodSeconds": 2} if FULL else {}
STOP_SECONDS = 300.0 if FULL else 2.0 * LEASE_SECONDS
#: From the end of a Lease to the next holder's first write: a retry, a comparison of the cache, a busy machine.
TAKEOVER_SECONDS = LEASE_SECONDS + 10
MODELS = 6


@dataclass(frozen=True)
class Candidate:
    """An operator and the proxy that all its requests pass."""

    process: OperatorProcess
    proxy: FaultProxy

    def written(self, since=0.0):
        """Its writes, but for Lease and Events."""
        return self.proxy.matching(writes, since)


@contextmanager
def candidate(folder, cluster, settings):
    with (
        proxying(cluster.kubeconfig) as proxy,
        operating(folder, settings, _into(proxy, folder), folder.name) as process,
    ):
        yield Candidate(process, proxy)


def _into(proxy, folder):
    folder.mkdir(parents=True, exist_ok=True)
    return proxy.kubeconfig(folder)


@pytest.fixture(scope="module")
def objects(cluster):
    cluster.install_kinds()
    with objects_of(cluster.kubeconfig) as objects:
        yield objects


@pytest.fixture
def world(cluster, objects, namespace):
    """Models wanted in a namespace."""
    return World(objects, namespace, tuple(f"m-{number}-{secrets.token_hex(2)}" for number in range(MODELS)))


@dataclass(frozen=True)
class World:
    objects: object
    namespace: str
    names: tuple[str, ...]

    def want(self, replicas):
        for name in self.names:
            spec = {"replicas": replicas, "hardware": {"profile": "nowhere"}}
            self.objects.apply(modeldeployment(name, self.namespace, **spec))

    def holder(self):
        lease = self.objects.find(LEASES, self.namespace, "paceline-operator")
        return lease["spec"]["holderIdentity"] if lease else ""

    def came_about(self, replicas, seconds=40):
        def look():
            found = self.objects.all(DEPLOYMENTS, self.namespace, "paceline.dev/modeldeployment")
            seen = [self.objects.model(self.namespace, name) for name in self.names]
            return [each["spec"]["replicas"] for each in found] == [replicas] * MODELS and all(
                condition(each, "Ready").get("observedGeneration") == each["metadata"]["generation"] for each in seen
            )

        wait_until(look, seconds, f"all models have {replicas} replicas", every=0.3)


@pytest.fixture
def pair(tmp_path, cluster, namespace, world):
    """The holder of the Lease, and the other one."""
    settings = configuration(namespace)
    settings["leaderElection"] |= ELECTION
    with (
        candidate(tmp_path / "first", cluster, settings) as first,
        candidate(tmp_path / "second", cluster, settings) as second,
    ):
        wait_until(world.holder, 30, "somebody holds the Lease")
        yield (first, second) if world.holder() == "first" else (second, first)


def pause(seconds, check=lambda: None):
    """Let time pass, checking all the while."""
    until = time.monotonic() + seconds

    def over():
        check()
        return time.monotonic() > until

    wait_until(over, seconds + 60, "time passes", every=0.2)


def test_only_the_holder_of_the_lease_writes(pair, world):
    holder, other = pair
    world.want(2)
    world.came_about(2)
    assert len(holder.written()) >= 4 * MODELS
    assert other.written() == []
    assert other.proxy.counts()["list", "modeldeployments"] > 0, "it keeps its cache warm"
    assert other.process.get("/readyz") == 200, "who does not lead is ready all the same"


def test_a_holder_that_is_killed_is_followed_within_the_lease(pair, world):
    holder, other = pair
    world.want(1)
    world.came_about(1)
    holder.process.kill()
    killed = time.monotonic()
    world.want(3)
    wait_until(lambda: other.written(killed), TAKEOVER_SECONDS + 10, "the other one writes")
    took = other.written()[0].at - killed
    print(f"took over {took:.1f} s after the kill, Lease of {LEASE_SECONDS} s")
    assert took <= TAKEOVER_SECONDS
    world.came_about(3)
    assert world.holder() == other.process.identity


def test_a_holder_that_ends_in_order_is_followed_at_once(pair, world):
    holder, other = pair
    world.want(1)
    world.came_about(1)
    begun = time.monotonic()
    assert holder.process.stop() == 0
    assert time.monotonic() - begun < 5
    wait_until(other.process.leads, LEASE_SECONDS, "the other one leads, without waiting for the Lease to end")


@pytest.mark.timeout(900)
def test_a_holder_that_stood_still_writes_nothing_afterwards(pair, world):
    holder, other = pair
    world.want(1)
    wait_until(holder.written, 20, "the holder is in the middle of its work")
    holder.process.freeze()
    frozen = time.monotonic()
    wait_until(other.process.leads, TAKEOVER_SECONDS + 10, "the other one leads")
    world.want(2)
    world.came_about(2)
    pause(STOP_SECONDS - (time.monotonic() - frozen))
    world.want(3)  # news for the one that wakes
    woken = time.monotonic()
    holder.process.thaw()
    world.came_about(3)
    pause(LEASE_SECONDS)
    late = holder.written(woken)
    print(f"stood still for {woken - frozen:.0f} s, then sent {len(late)} writes: {[call.status for call in late]}")
    assert len(late) <= 1
    assert all(call.status == 409 for call in late), "what was past the check is refused by its resourceVersion"
    assert not holder.process.leads()
    assert holder.process.alive
    assert world.holder() == other.process.identity


@pytest.mark.parametrize(
    ("verb", "resource"), [("patch", "deployments"), ("patch", "modeldeployments")], ids=["child", "status"]
)
def test_a_write_that_was_past_the_check_is_refused_by_its_resource_version(pair, world, verb, resource):
    holder, other = pair
    world.want(1)
    world.came_about(1)
    late = calls(verb, of=resource)
    hold = holder.proxy.add(late, Hold(), times=1)
    world.want(2)
    (held,) = wait_until(lambda: _held(holder, late), 20, "a write has left the holder")
    holder.process.freeze()
    world.came_about(2, seconds=TAKEOVER_SECONDS + 30)  # by the other one
    before = world.objects.find(DEPLOYMENTS if resource == "deployments" else MODELDEPLOYMENTS, *_place(held))
    holder.proxy.remove(hold)  # now it reaches the API server
    wait_until(lambda: held.status, 10, "the API server has answered")
    assert held.status == 409
    after = world.objects.find(DEPLOYMENTS if resource == "deployments" else MODELDEPLOYMENTS, *_place(held))
    assert after["spec"] == before["spec"]
    woken = time.monotonic()
    holder.process.thaw()
    pause(LEASE_SECONDS)
    assert holder.written(woken) == []
    assert other.process.leads()


def _held(candidate, which):
    return [call for call in candidate.proxy.matching(which) if call.fault == "Hold"]


def _place(call):
    return call.namespace, call.name


@pytest.mark.parametrize("action", [Answer(503), Silence()], ids=["unavailable", "silent"])
def test_a_holder_that_cannot_renew_stops_writing_before_the_other_one_begins(pair, world, action):
    holder, other = pair
    world.want(1)
    world.came_about(1)
    cut = time.monotonic()
    with holder.proxy.fault(calls(of="leases"), action):
        wait_until(other.process.leads, TAKEOVER_SECONDS + 10, "the other one leads")
        leads = time.monotonic()
        world.want(2)
        world.came_about(2)
        assert holder.written(leads) == []
        assert other.written(cut)[0].at >= max((call.at for call in holder.written()), default=0.0)
    wait_until(holder.process.alive.__bool__, 1, "the old holder lives")
