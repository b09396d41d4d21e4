"""Tokens of an issuer, a subject and an audience let in one Consumer: the older of two that ask for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paceline.gateway.consumers import Caller
from paceline.gateway.identities import unsigned
from paceline.gateway.ir import Issuer, Problem
from paceline.gateway.owners import told
from tests.support.consumers import consumer, jwt, key
from tests.support.gateways import gateway
from tests.support.translating import SITE, made, reasons, seen

OLD, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
ISSUER, CLUSTER = "https://id.example.com", "https://kubernetes.default.svc.cluster.local"
OUTSIDE = replace(SITE, hosts=("*.example.com", "*.example.org"))


def pair(old: list, new: list, **more):
    """Two Consumers of one namespace, the younger one first in the list."""
    found = (
        consumer({"credentials": new}, name="a-new", creationTimestamp=NEW),
        consumer({"credentials": old}, name="b-old", creationTimestamp=OLD),
    )
    return made(seen(consumers=found, site=OUTSIDE, **more), {})


def test_two_may_not_have_the_same_tokens():
    same = pair([jwt()], [jwt("other", audiences=["more", "paceline"]), jwt("own", subject="own")])
    assert reasons(same, "Consumer") == [("Conflicted", "other")]
    assert [(each.consumer, each.subject) for each in same.gateway.identities] == [("b-old", "bot"), ("a-new", "own")]


@pytest.mark.parametrize(
    "apart", [{"subject": "other"}, {"audiences": ["other"]}, {"issuer": "https://id.example.org"}]
)
def test_tokens_that_differ_are_each_its_consumers(apart: dict):
    found = pair([jwt()], [jwt(**apart)])
    assert reasons(found, "Consumer") == []
    assert {each.consumer for each in found.gateway.identities} == {"a-new", "b-old"}
    (policy,) = found.gateway.policies
    assert {each.client for each in found.gateway.identities} == {
        f"{policy.name}.models.a-new",
        f"{policy.name}.models.b-old",
    }


def test_a_consumer_may_have_tokens_and_keys():
    both = consumer({"credentials": [key(), jwt(), jwt("again", audiences=["paceline", "more"])]})
    found = made(seen(consumers=(both,), site=OUTSIDE))
    assert reasons(found, "Consumer") == []
    assert [each.client for each in found.gateway.keys] * 2 == [each.client for each in found.gateway.identities]
    assert found.gateway.issuers == (Issuer(ISSUER, hosts=OUTSIDE.hosts),)


def test_an_issuer_is_asked_only_where_the_administrator_allows_its_host():
    found = made(seen(consumers=(consumer({"credentials": [jwt()]}),)), {})
    assert reasons(found, "Consumer") == [("IssuerUnreachable", "bot")]
    assert "id.example.com" in found.findings[0].message
    assert "allowed are: api.example.com" in found.findings[0].message
    assert (found.gateway.identities, found.gateway.issuers) == ((), ())


def test_the_clusters_own_tokens_need_no_host():
    bot = consumer({"credentials": [jwt(issuer=CLUSTER)]})
    found = made(seen(consumers=(bot,), issuers={CLUSTER: "{}"}), {})
    assert reasons(found, "Consumer") == []
    assert found.gateway.issuers == (Issuer(CLUSTER, "{}", SITE.hosts),)


def test_where_everybody_is_answered_nobody_is_asked_for_a_token():
    bot = consumer({"credentials": [jwt()]})
    found = made(seen(gateway({"authentication": "None"}), consumers=(bot,), site=OUTSIDE), {})
    assert (found.gateway.identities, found.gateway.issuers) == ((), ())


def test_an_issuer_without_keys_is_told_to_those_who_have_its_tokens():
    both = consumer({"credentials": [key(), jwt(), jwt("other", issuer="https://id.example.org")]})
    (finding,) = unsigned(both, {ISSUER: "it does not answer", "https://third.example.com": "neither"})
    assert (finding.reason, finding.subject) == ("IssuerUnreachable", "bot")
    assert "it does not answer" in finding.message


def test_a_problem_of_tokens_is_told_to_their_consumer():
    bot = consumer({"credentials": [jwt()]})
    given = seen(consumers=(bot,), site=OUTSIDE)
    found = made(given, {}).gateway
    problem = Problem("Identity", found.identities[0].name, "No.")
    (finding,) = told([problem], found, given, [Caller(bot, found.policies[0])])
    assert (finding.kind, finding.name, finding.reason, finding.message) == ("Consumer", "site", "InvalidSpec", "No.")
