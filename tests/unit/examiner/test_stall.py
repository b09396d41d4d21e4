"""The one state in which the Deployment controller stands still, and its neighbours in which it does not."""

from __future__ import annotations

import pytest

from tests.examiner.stall import stalled


def replicaset(replicas, wanted):
    noted = {"deployment.kubernetes.io/desired-replicas": wanted} if wanted else {}
    return {"metadata": {"annotations": noted}, "spec": {"replicas": replicas}}


@pytest.mark.parametrize(
    ("replicasets", "stands"),
    [
        ([replicaset(1, "2"), replicaset(0, "1")], True),
        ([replicaset(1, "1"), replicaset(0, "2")], False),
        ([replicaset(2, "2")], False),
        ([replicaset(1, "2"), replicaset(1, "2")], False),
        ([replicaset(1, "")], False),
        ([], False),
    ],
)
def test_it_stands_where_its_only_pods_are_as_many_as_wanted_and_noted_for_another_number(replicasets, stands):
    assert stalled({"spec": {"replicas": 1}}, replicasets) is stands
