"""The status of Gateways."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from paceline.decide.gateway_health import Report, Seen, assess
from paceline.decide.gateway_status import address, refuse, summarise
from paceline.decide.observation import PodView
from tests.support import gateways

NOW = datetime(2026, 11, 27, tzinfo=UTC)
PODS = (PodView("a", "ua", "", ready=True), PodView("b", "ub", ""))
SEEN = Seen(None, PODS, 7, {"a": Report(7), "b": Report(6)})


def status(seen: Seen = SEEN, previous=None, now=NOW, unhealthy=()):
    gateway = gateways.gateway()
    return summarise(gateway, seen, assess(gateway, seen), 3, unhealthy, previous, now)


def test_it_says_where_the_gateway_is_and_how_many_pods_are_ready():
    said = status()
    assert said["address"] == "http://public-gateway.models.svc:8080/v1"
    assert said["display"] == {"pods": "1/2"}
    assert said["observedGeneration"] == 2
    assert said["routes"] == {"total": 3}


def test_the_configuration_that_all_pods_have_is_the_least_of_theirs():
    assert status()["generationServed"] == 6
    assert "generationServed" not in status(replace(SEEN, reports={"a": Report(7)}))
    assert "generationServed" not in status(Seen(None, (), 7, {}))


def test_of_very_many_routes_that_answer_nobody_the_first_are_named():
    names = tuple(f"m{number:03}" for number in range(70))
    assert status(unhealthy=names)["routes"] == {"total": 3, "unhealthy": list(names[:50])}


def test_nothing_moves_where_nothing_changed():
    first = status()
    assert status(previous=first, now=NOW + timedelta(hours=1)) == first


@pytest.mark.parametrize(("tls", "begin"), [({"secretRef": {"name": "t"}}, "https"), (None, "http")])
def test_the_address_has_the_scheme_and_the_port_of_the_listener(tls, begin):
    listener = {"port": 443, **({"tls": tls} if tls else {})}
    assert address(gateways.gateway({"listener": listener})) == f"{begin}://public-gateway.models.svc:443/v1"


def test_what_is_known_of_an_object_that_cannot_be_read_stays():
    before = status()
    conditions = assess(gateways.gateway(), replace(SEEN, generation=8))
    said = refuse(3, conditions, before, NOW)
    assert said["address"] == before["address"]
    assert said["observedGeneration"] == 3
