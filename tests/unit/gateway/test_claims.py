"""A host name leads to one Gateway: the older of two that are reached from outside at one port."""

from __future__ import annotations

from typing import Any

import pytest

from paceline.gateway.claims import NOBODY, claimed, hostnames
from tests.support.gateways import gateway

OLD, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def asking(*names: str, kind: str = "LoadBalancer", port: int = 443, **metadata: Any):
    listener = {"port": port, "hostnames": list(names)}
    return gateway({"service": {"type": kind}, "listener": listener}, **{"creationTimestamp": NEW, **metadata})


OLDER = asking("a.example.com", "*.example.com", name="older", namespace="other", creationTimestamp=OLD)


def test_the_younger_answers_for_what_is_left_and_the_older_for_all():
    kept, (finding,) = hostnames(asking("a.example.com", "b.example.com"), [OLDER])
    assert kept == ("b.example.com",)
    assert (finding.reason, finding.subject) == ("Conflicted", "a.example.com")
    assert "other/older" in finding.message
    younger = asking("a.example.com")
    assert hostnames(OLDER, [OLDER, younger]) == (("a.example.com", "*.example.com"), [])


def test_who_has_no_host_name_left_answers_for_none_and_not_for_every_one():
    assert hostnames(asking("a.example.com"), [OLDER])[0] == (NOBODY,)


@pytest.mark.parametrize(
    "apart",
    [
        asking("b.example.com"),
        asking("a.example.com", port=8443),
        asking("a.example.com", kind="ClusterIP"),
        asking(),
    ],
)
def test_what_is_no_claim_to_the_same_is_no_conflict(apart):
    assert hostnames(apart, [OLDER]) == (apart.spec.listener.hostnames, [])


def test_who_is_reached_within_the_cluster_alone_takes_no_name_from_others():
    inside = asking("a.example.com", kind="ClusterIP", name="older", creationTimestamp=OLD)
    assert hostnames(asking("a.example.com"), [inside])[1] == []


def test_of_several_older_ones_the_oldest_is_named_and_of_equal_age_the_first_by_name():
    oldest = asking("a.example.com", name="oldest", creationTimestamp="2025-01-01T00:00:00Z")
    (finding,) = hostnames(asking("a.example.com"), [OLDER, oldest])[1]
    assert "models/oldest" in finding.message
    twin = asking("a.example.com", name="a-twin")
    assert hostnames(asking("a.example.com"), [twin])[1]
    assert not hostnames(twin, [asking("a.example.com")])[1]


def test_who_is_reached_from_outside_claims_its_names_at_its_port():
    assert claimed(OLDER) == {("a.example.com", 443), ("*.example.com", 443)}
    assert claimed(asking("a.example.com", kind="ClusterIP")) == frozenset()
