"""A key lets in one Consumer: the older of two that have it."""

from __future__ import annotations

from tests.support.consumers import consumer, key
from tests.support.gateways import gateway
from tests.support.translating import KEY as FORM
from tests.support.translating import made, reasons, seen

KEY = FORM.format(1)
OLD, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def pair(old: list, new: list, **secrets: str):
    """Two Consumers of one namespace, the younger one first in the list."""
    found = (
        consumer({"credentials": new}, name="a-new", creationTimestamp=NEW),
        consumer({"credentials": old}, name="b-old", creationTimestamp=OLD),
    )
    return made(seen(consumers=found), {f"models/keys/{name}": value for name, value in secrets.items()})


def test_the_older_of_two_with_one_key_keeps_it_and_the_other_is_told():
    found = pair([key("k1")], [key("k2"), key("k3")], k1=KEY, k2=KEY, k3=KEY + "x")
    assert [(each.consumer, each.reference) for each in found.gateway.keys] == [
        ("b-old", "models/keys/k1"),
        ("a-new", "models/keys/k3"),
    ]
    assert reasons(found, "Consumer") == [("Conflicted", "k2")]


def test_two_that_name_one_secret_have_one_key():
    found = pair([key("k1")], [key("k1")], k1=KEY)
    assert [each.consumer for each in found.gateway.keys] == ["b-old"]
    assert reasons(found, "Consumer") == [("Conflicted", "k1")]


def test_a_consumer_may_have_its_own_key_twice():
    found = pair([key("k1"), key("k2")], [key("k3")], k1=KEY, k2=KEY, k3=KEY + "x")
    assert [each.reference for each in found.gateway.keys] == ["models/keys/k1", "models/keys/k3"]
    assert reasons(found, "Consumer") == []


def test_a_key_that_is_not_there_or_none_is_told_and_the_other_key_lets_in():
    found = pair([key("k1"), key("k2")], [key("k3")], k2="short", k3=KEY)
    assert [each.consumer for each in found.gateway.keys] == ["a-new"]
    assert reasons(found, "Consumer") == [("SecretInvalid", "k2"), ("SecretMissing", "k1")]


def test_a_consumer_without_credentials_has_the_generated_key():
    found = made(seen(consumers=(consumer(),)), {"models/site-key/token": KEY})
    assert [(each.consumer, each.reference) for each in found.gateway.keys] == [("site", "models/site-key/token")]
    assert made(seen(consumers=(consumer(),)), {}).findings[0].message.startswith("The generated key is to be in")
    assert reasons(made(seen(consumers=(consumer(),)), {"models/site-key/token": "short"}), "Consumer") == [
        ("SecretInvalid", "")
    ]


def test_nobody_learns_whose_a_key_is_in_another_namespace():
    foreign = consumer(
        {"gatewayRefs": [{"name": "public", "namespace": "models"}], "credentials": [key()]}, namespace="sales"
    )
    old = consumer({"credentials": [key()]}, creationTimestamp=OLD)
    allowed = {"type": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": "sales"}}}
    given = seen(gateway({"allowedConsumers": allowed}), consumers=(foreign, old))
    found = made(given, {"models/keys/k1": KEY, "sales/keys/k1": KEY})
    (conflict,) = [each for each in found.findings if each.reason == "Conflicted"]
    assert (conflict.namespace, "models" in conflict.message, KEY in conflict.message) == ("sales", False, False)
