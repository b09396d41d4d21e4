"""Nodes and quotas against one pod that is not made yet."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from paceline.api import reasons
from paceline.decide.capacity import Capacity, Place, Replica, nodes_fit, place, quotas_fit
from paceline.decide.views import node_view, quota_view
from tests.support import models

GPU = "nvidia.com/gpu"
H100 = {"gpu.product": "H100"}
PROFILE = {
    "acceleratorResource": GPU,
    "nodeSelector": H100,
    "tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}],
    "resources": {"requests": {"cpu": "8", "memory": "64Gi"}, "limits": {"memory": "64Gi"}},
}


def pod(count: int = 8, **profile: object) -> dict:
    """Spec of the pods of a model with that many accelerators."""
    md = models.model({"hardware": {"count": count}})
    return models.revision(md, models.hardware(**(PROFILE | profile))).data["template"]["spec"]


def replica(count: int = 8, **profile: object) -> Replica:
    return Replica.of(pod(count, **profile))


def node(gpus: int = 8, *taints: tuple[str, str], labels: dict | None = None, **allocatable: str):
    """A node with eight accelerators and room, tainted as GPU nodes are."""
    there = {"cpu": "192", "memory": "2Ti", "pods": "110", GPU: str(gpus)} | allocatable
    all_taints = [{"key": key, "effect": effect} for key, effect in ((GPU, "NoSchedule"), *taints)]
    metadata = {"name": "n", "labels": H100 if labels is None else labels}
    return node_view({"metadata": metadata, "spec": {"taints": all_taints}, "status": {"allocatable": there}})


def quota(name: str = "team", **spec: object):
    found = quota_view({"metadata": {"name": name}, "spec": spec})
    assert found is not None
    return found


class TestNodes:
    def test_one_node_that_could_take_it_is_enough(self):
        assert nodes_fit(replica(), [node(4), node(8)]) == ""

    def test_too_few_accelerators_are_said_with_the_largest_node(self):
        words = nodes_fit(replica(), [node(4), node(2), node(8, labels={})])
        assert words.startswith("No node of 3 can take one replica: the largest of the 2 with its labels")
        assert words.endswith(f"has 4 {GPU}, 8 are asked.")

    def test_labels_that_no_node_has_are_named(self):
        assert "none has the labels gpu.product=H100" in nodes_fit(replica(), [node(labels={"gpu.product": "L4"})])

    def test_a_cluster_without_nodes_has_none(self):
        assert nodes_fit(replica(nodeSelector={}), []) == "No node of 0 can take one replica: there is none."

    @pytest.mark.parametrize("effect", ["NoSchedule", "NoExecute"])
    def test_a_taint_that_is_not_tolerated_is_named(self, effect):
        words = nodes_fit(replica(), [node(8, ("team-b", effect))])
        assert "1 have its labels, but a taint that is not tolerated (team-b)" in words

    def test_a_taint_that_is_only_a_wish_keeps_nothing_away(self):
        assert nodes_fit(replica(), [node(8, ("team-b", "PreferNoSchedule"))]) == ""

    @pytest.mark.parametrize(
        ("toleration", "fits"),
        [
            ({"operator": "Exists"}, True),
            ({"key": "team", "value": "b"}, True),
            ({"key": "team", "value": "b", "effect": "NoExecute"}, False),
            ({"key": "team", "value": "c"}, False),
            ({"key": "other", "operator": "Exists"}, False),
        ],
    )
    def test_tolerations_are_read_as_kubernetes_reads_them(self, toleration, fits):
        there = replace(node(), taints=node_view(
            {"metadata": {}, "spec": {"taints": [{"key": "team", "value": "b", "effect": "NoSchedule"}]}}
        ).taints)  # fmt: skip
        assert (nodes_fit(replica(tolerations=[toleration]), [there]) == "") is fits

    @pytest.mark.parametrize("trouble", ["not-ready", "unreachable", "unschedulable", "disk-pressure"])
    def test_a_node_that_is_cordoned_or_silent_exists_all_the_same(self, trouble):
        assert nodes_fit(replica(), [node(8, (f"node.kubernetes.io/{trouble}", "NoExecute"))]) == ""

    def test_memory_counts_and_is_said_in_gib(self):
        words = nodes_fit(replica(), [node(memory="32Gi")])
        assert words.endswith("has 32.00 GiB memory, 64.00 GiB are asked.")

    def test_what_no_single_node_has_together_is_said(self):
        words = nodes_fit(replica(), [node(cpu="4"), node(4)])
        assert words.endswith(f"has 8 cpu, 64.00 GiB memory, 8 {GPU} together.")

    def test_a_quantity_beyond_what_we_read_is_enough(self):
        assert nodes_fit(replica(), [node(memory="100Ei")]) == ""


class TestReplica:
    def test_a_container_that_runs_first_counts_where_it_asks_for_more(self):
        first = {"resources": {"requests": {"cpu": "100m", "ephemeral-storage": "20Gi"}}}
        main = [{"resources": {"requests": {"cpu": "1"}}}, {"resources": {"limits": {"cpu": "500m"}}}, {}]
        made = Replica.of({"initContainers": [first], "containers": main})
        assert made.requests == {"cpu": Decimal("1.5"), "ephemeral-storage": 20 * 2**30}
        assert made.limits == {"cpu": Decimal("0.5")}


class TestQuotas:
    def test_without_a_quota_everything_is_allowed(self):
        assert quotas_fit(replica(), 3, []) == Place()

    @pytest.mark.parametrize(
        "name",
        ["requests.nvidia.com/gpu", "cpu", "requests.cpu", "memory", "requests.memory", "limits.memory", "pods",
         "count/pods"],
    )  # fmt: skip
    def test_a_quota_below_one_replica_allows_none(self, name):
        found = quotas_fit(replica(), 3, [quota(hard={name: "0"})])
        assert found.obstacle is reasons.QUOTA_TOO_SMALL
        assert found.words.startswith(f'ResourceQuota "team" allows no replica: of {name} it has 0')

    def test_a_quota_for_some_replicas_says_for_how_many(self):
        found = quotas_fit(replica(), 3, [quota(hard={f"requests.{GPU}": "23"}), quota("wide", hard={"pods": "9"})])
        assert found.obstacle is None
        assert found.words == (
            f'ResourceQuota "team" allows 2 of 3 replicas: of requests.{GPU} it has 23, and one replica needs 8.'
        )

    def test_a_quota_for_all_of_them_is_not_worth_a_word(self):
        assert quotas_fit(replica(), 3, [quota(hard={f"requests.{GPU}": "24"})]) == Place()

    @pytest.mark.parametrize(
        "name", ["services", "count/secrets", "requests.storage", "limits.cpu", "requests.amd.com/gpu"]
    )
    def test_what_a_pod_does_not_use_says_nothing(self, name):
        assert quotas_fit(replica(), 3, [quota(hard={name: "0"})]) == Place()

    def test_a_quota_beyond_what_we_read_is_enough(self):
        assert quotas_fit(replica(), 3, [quota(hard={"memory": "100Ei"})]) == Place()

    @pytest.mark.parametrize("scope", [{"scopes": ["BestEffort"]}, {"scopeSelector": {"matchExpressions": [{}]}}])
    def test_a_quota_with_scopes_may_count_other_pods_only_and_is_left_out(self, scope):
        assert quota_view({"metadata": {"name": "few"}, "spec": {"hard": {"pods": "0"}, **scope}}) is None


class TestPlaces:
    def test_a_fixed_profile_without_a_node_has_no_place(self):
        found = place(pod(), 1, Capacity(nodes=(node(4),)), fixed=True)
        assert found.obstacle is reasons.NO_FITTING_NODE

    def test_an_elastic_profile_has_a_node_made(self):
        found = place(pod(), 1, Capacity(nodes=(node(4),)), fixed=False)
        assert found.obstacle is None
        assert found.words.startswith("A node has to be made. No node of 1 can take one replica")

    def test_nodes_that_may_not_be_seen_are_neither_counted_nor_spoken_of(self):
        assert place(pod(), 1, Capacity(), fixed=True) == Place()

    def test_what_a_quota_forbids_no_node_brings_back(self):
        found = place(pod(), 1, Capacity((node(),), (quota(hard={"pods": "0"}),)), fixed=True)
        assert found.obstacle is reasons.QUOTA_TOO_SMALL

    def test_a_quota_and_a_missing_node_are_both_said(self):
        found = place(pod(), 2, Capacity((), (quota(hard={"pods": "1"}),)), fixed=False)
        assert "allows 1 of 2 replicas" in found.words
        assert "A node has to be made." in found.words
