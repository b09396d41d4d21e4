"""Routes that are found by themselves, beside those that are written."""

from __future__ import annotations

from typing import Any

from paceline.gateway.entries import entries
from tests.support import models
from tests.support.gateways import gateway, local, route
from tests.support.translating import made, reasons, seen, served

OLD, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def deployment(name: str, *adapters: str, served_name: str = "", **metadata: Any):
    spec = {"model": {"uri": "hf://a/b", **({"servedName": served_name} if served_name else {})}}
    return models.model(
        {**spec, "adapters": [{"name": each, "uri": "hf://a/l"} for each in adapters]}, name=name, **metadata
    )


def found(*known: Any, routes_from: str = "AllModelDeployments", routes: Any = ()) -> dict[str, tuple[str, str | None]]:
    """Each name with the ModelDeployment and the adapter that answer."""
    given = seen(
        gateway({"routesFrom": routes_from, "routes": list(routes)}), models=tuple(served(each) for each in known)
    )
    blocks = {each.model: each.backends[0].model_deployment for each in entries(given)[0]}
    return {name: (block.name, block.adapter) for name, block in blocks.items() if block}


def test_every_deployment_of_the_namespace_and_its_adapters_are_served_under_their_names():
    known = (deployment("a", "lora"), deployment("b", served_name="B"), deployment("c", namespace="elsewhere"))
    assert found(*known) == {"a": ("a", None), "lora": ("a", "lora"), "B": ("b", None)}


def test_a_list_is_nothing_but_what_is_written():
    assert found(deployment("a"), routes_from="List") == {}


def test_a_written_entry_goes_before_a_found_one_and_that_is_no_conflict():
    written = [route(local(model="other"), model="a")]
    assert found(deployment("a"), routes=written) == {"a": ("other", None)}
    given = seen(gateway({"routesFrom": "AllModelDeployments", "routes": written}), models=(served(deployment("a")),))
    assert entries(given)[1] == []


def test_of_two_deployments_with_one_name_the_older_has_it_whatever_their_order():
    old = deployment("z", served_name="same", creationTimestamp=OLD)
    new = deployment("a", "lora", served_name="same", creationTimestamp=NEW)
    adapter = deployment("b", "same", creationTimestamp="2026-03-01T00:00:00Z")
    for order in ((old, new, adapter), (adapter, new, old)):
        assert found(*order)["same"] == ("z", None)
        given = seen(
            gateway({"routesFrom": "AllModelDeployments", "routes": []}), models=tuple(served(each) for each in order)
        )
        findings = entries(given)[1]
        assert [(each.reason, each.subject) for each in findings] == [("Conflicted", "same")] * 2
        assert "ModelDeployment a is not served as same" in findings[0].message
        assert "older ModelDeployment z is" in findings[0].message
    assert found(old, new)["lora"] == ("a", "lora")


def test_what_is_found_is_recorded_under_the_deployments_name_and_answered():
    translated = made(
        seen(gateway({"routesFrom": "AllModelDeployments", "routes": []}), models=(served(deployment("a", "lora")),))
    )
    assert [dict(each.labels)["backend"] for each in translated.gateway.clusters] == ["a", "a"]
    assert sorted(each.model for each in translated.gateway.clusters) == ["a", "lora"]
    assert [each for each in reasons(translated) if each[0] != "Unpriced"] == []


def test_governance_that_is_required_answers_nobody_without_a_level():
    translated = made(seen(gateway({"governance": "Required"})))
    assert [each.target.code for each in translated.gateway.routes[0].branches] == ["route_not_governed"]
    assert reasons(translated) == [("NotGoverned", "bot")]
    assert made(seen(gateway({"governance": "Optional"}))).unhealthy == ()
