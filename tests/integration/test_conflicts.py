"""What two objects claim the older one has, and the other says so; what is of another namespace needs both sides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from paceline.kube.resources import CONSUMERS, GATEWAYS, MODELDEPLOYMENTS
from tests.support import consumers, gateways
from tests.support.cluster import TestCluster
from tests.support.product import condition
from tests.support.town import KEY, SECONDS, Town, founded
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def town(cluster: TestCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with founded(cluster, tmp_path_factory.mktemp("town")) as made:
        yield made


@pytest.fixture(autouse=True)
def empty(town: Town) -> Iterator[None]:
    yield
    town.clear()


def test_of_two_consumers_with_one_key_the_older_is_let_in_and_the_other_says_conflicted(town: Town) -> None:
    town.gateway()
    town.secret("keys")
    town.consumer("older", credentials=[consumers.key()])
    town.later()
    town.consumer("aaa", credentials=[consumers.key()])
    said = town.says(CONSUMERS, "aaa", "Accepted", "Conflicted")
    assert (said["status"], "older" in said["message"]) == ("False", True)
    assert KEY not in str(said)
    town.says(CONSUMERS, "older", "Accepted", "Accepted")
    wait_until(lambda: town.admitted() == {"older"}, SECONDS, "the older alone is let in")
    town.objects.delete(CONSUMERS, town.home, "older")
    town.says(CONSUMERS, "aaa", "Accepted", "Accepted")
    wait_until(lambda: town.admitted() == {"aaa"}, SECONDS, "the key passes to who is left")


def test_of_two_gateways_with_one_host_and_port_the_older_answers_and_the_other_says_conflicted(town: Town) -> None:
    listener = {"port": 8080, "hostnames": ["llm.example.com"]}
    town.gateway("older", service={"type": "LoadBalancer"}, listener=listener)
    town.later()
    town.gateway("aaa", town.other, service={"type": "LoadBalancer"}, listener=listener)
    town.gateway("elsewhere", service={"type": "LoadBalancer"}, listener={**listener, "port": 8081})
    said = town.says(GATEWAYS, "aaa", "Accepted", "Conflicted", town.other)
    assert (said["status"], "llm.example.com" in said["message"]) == ("False", True)
    for name in ("older", "elsewhere"):
        town.says(GATEWAYS, name, "Accepted", "Accepted")
    town.objects.delete(GATEWAYS, town.home, "older")
    town.says(GATEWAYS, "aaa", "Accepted", "Accepted", town.other)


def test_of_two_models_with_one_name_the_older_is_served_and_the_route_says_conflicted(town: Town) -> None:
    named = {"uri": "image://localhost/paceline-pause:1", "servedName": "bot"}
    town.model("older", model=named)
    town.later()
    town.model("aaa", model=named)
    town.gateway(routesFrom="AllModelDeployments", routes=[])
    said = town.says(GATEWAYS, "public", "BackendsResolved", "Conflicted")
    assert said["message"].startswith("ModelDeployment aaa is not served as bot")
    town.objects.delete(MODELDEPLOYMENTS, town.home, "aaa")
    wait_until(
        lambda: "aaa" not in str(town.objects.find(GATEWAYS, town.home, "public")["status"]["conditions"]),
        SECONDS,
        "nobody is in conflict any more",
    )


def test_peer_bug_22_a_consumer_of_another_namespace_is_let_in_with_the_consent_of_both_sides_only(town: Town) -> None:
    town.gateway()
    town.secret("keys", town.other)
    there = {"gatewayRefs": [{"name": "public", "namespace": town.home}], "credentials": [consumers.key()]}
    town.consumer("guest", town.other, **there)
    said = town.says(CONSUMERS, "guest", "Accepted", "NotPermitted", town.other)
    assert said["status"] == "False"
    assert town.admitted() == set()
    selector = {"matchLabels": {"kubernetes.io/metadata.name": town.other}}
    town.gateway(allowedConsumers={"type": "Selector", "selector": selector})
    town.says(CONSUMERS, "guest", "Accepted", "Accepted", town.other)
    wait_until(lambda: town.admitted() == {"guest"}, SECONDS, "the guest is let in")
    town.gateway()
    town.says(CONSUMERS, "guest", "Accepted", "NotPermitted", town.other)
    wait_until(lambda: town.admitted() == set(), SECONDS, "consent is taken back")


def test_peer_bug_22_a_model_of_another_namespace_is_served_with_the_consent_of_both_sides_only(town: Town) -> None:
    town.model("chat", town.other)
    there = {"name": "chat", "namespace": town.other}
    backend = {"name": "main", "type": "ModelDeployment", "modelDeployment": there}
    town.gateway(routes=[gateways.route(backend)])
    said = town.says(GATEWAYS, "public", "BackendsResolved", "NotPermitted")
    assert said["status"] == "False"
    town.model("chat", town.other, sharedWith=[{"gatewayNamespace": town.home}])

    def permitted() -> bool:
        found = town.objects.find(GATEWAYS, town.home, "public")
        return condition(found, "BackendsResolved").get("reason", "NotPermitted") != "NotPermitted"

    wait_until(permitted, SECONDS, "its owner let the gateway in")
