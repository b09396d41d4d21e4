"""Programs of gateways and their numbers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from paceline.gateway import snapshot
from paceline.gateway.ir import Endpoint, Gateway, Pods, Tls
from paceline.gateway.stamp import Stamp, stamp_of, stamped
from tests.support import neutral

FOLDER = "/etc/paceline/gateway"


def secrets(gateway: Gateway) -> dict[str, str]:
    return {each.reference: f"pl_{number:032}" for number, each in enumerate(gateway.keys)}


def made(gateway: Gateway | None = None) -> tuple[snapshot.Program, dict[str, str]]:
    gateway = gateway or neutral.full()
    return snapshot.program(gateway, secrets(gateway), {"internal.ab.models.site": "web"}, FOLDER)


@pytest.mark.parametrize("case", neutral.CASES)
def test_a_program_is_read_as_it_was_written(case: str):
    program, _ = made(neutral.CASES[case]())
    assert snapshot.parse(snapshot.write(program)) == program
    assert list(snapshot.parse(snapshot.write(program)).files) == list(program.files), "the order in which to write"


def test_addresses_are_apart_and_change_no_digest():
    gateway = neutral.full()
    program, addresses = made(gateway)
    assert "peers.json" in addresses
    assert any(place.startswith("eds/") for place in addresses)
    assert not set(addresses) & set(program.files)
    moved = [
        replace(each, servers=replace(each.servers, endpoints=(Endpoint("10.9.9.9", 8000),)))
        if isinstance(each.servers, Pods)
        else each
        for each in gateway.clusters
    ]
    later, new = made(replace(gateway, clusters=tuple(moved)))
    assert later.digest == program.digest
    assert new != addresses


def test_addresses_of_some_clusters_are_as_those_of_all():
    gateway = neutral.full()
    _, everything = made(gateway)
    assert snapshot.addresses(gateway.clusters) | {"peers.json": everything["peers.json"]} == everything


def test_every_change_of_the_rest_is_another_digest():
    gateway = neutral.full()
    assert made(replace(gateway, routes=gateway.routes[1:]))[0].digest != made(gateway)[0].digest


def test_the_models_of_each_policy_are_listed():
    gateway = neutral.full()
    program, _ = made(gateway)
    served = {each.model for each in gateway.routes}
    for policy in gateway.policies:
        assert set(program.models[policy.name]) == policy.allowed(served)


def test_the_classes_of_policies_that_have_one_are_told():
    assert made()[0].classes == {"reviewer.9e9e9e9e": "order-status"}


def test_who_is_suspended_and_how_long_others_are_served_without_the_ledger_is_data():
    gateway = neutral.full()
    graces = {"external.ab12cd34.ns.acme": 900}
    program, _ = snapshot.program(gateway, secrets(gateway), {}, FOLDER, graces)
    assert program.suspended == ("internal.0f0f0f0f.ns.left",)
    assert snapshot.parse(snapshot.write(program)).graces == graces
    assert made(gateway)[0].graces == {}


def test_files_that_must_be_mounted_are_named():
    gateway = replace(neutral.full(), listener=replace(neutral.full().listener, tls=Tls("/s/tls.crt", "/s/tls.key")))
    assert {"/s/tls.crt", "/s/tls.key"} <= set(made(gateway)[0].credentials)
    assert made(neutral.minimal())[0].credentials == ()


def test_no_key_is_ever_printed():
    gateway = neutral.full()
    program, _ = made(gateway)
    keys = secrets(gateway).values()
    assert any(key in text for key in keys for text in program.files.values())
    assert not any(key in repr(program) for key in keys)


@pytest.mark.parametrize("change", [{"files": {"rds.json": 7}}, {"format": "2"}, {"gateway": None}])
def test_what_is_no_program_is_refused_without_showing_its_content(change):
    text = json.loads(snapshot.write(made()[0])) | change
    keys = secrets(neutral.full()).values()
    with pytest.raises(ValueError, match=r"program\.") as error:
        snapshot.parse(json.dumps(text).encode())
    assert not any(key in str(error.value) for key in keys)


def test_what_a_later_release_says_besides_is_left_out():
    program, _ = made()
    text = json.loads(snapshot.write(program)) | {"later": {"more": [1]}}
    assert snapshot.parse(json.dumps(text).encode()) == program


def test_what_an_earlier_release_did_not_say_has_its_usual_value():
    program, _ = made(neutral.minimal())
    text = json.loads(snapshot.write(program))
    del text["classes"], text["format"]
    assert snapshot.parse(json.dumps(text).encode()) == program


def test_another_format_is_said_with_what_is_to_be_done():
    text = json.dumps({"format": 2, "everything": "else"}).encode()
    with pytest.raises(snapshot.FormatError, match=r"format 2, and this agent reads format 1\..*images\.agent"):
        snapshot.parse(text)


def test_what_is_no_json_is_refused():
    with pytest.raises(ValueError, match=r"program\.it: Invalid JSON"):
        snapshot.parse(b"{")


def test_a_number_grows_with_each_change_and_only_then():
    first = stamped(None, "a")
    assert first == Stamp(1, "a")
    assert stamped(first, "a") is first
    assert stamped(first, "b") == Stamp(2, "b")
    assert stamped(stamped(first, "b"), "a") == Stamp(3, "a")


def test_after_a_restore_the_number_is_above_what_agents_have():
    assert stamped(Stamp(3, "a"), "a", served=9) == Stamp(10, "a")
    assert stamped(None, "a", served=4) == Stamp(5, "a")


def test_a_stamp_is_kept_and_read_back():
    assert stamp_of(Stamp(7, "ab").data) == Stamp(7, "ab")


@pytest.mark.parametrize("data", [None, [], {}, {"generation": "x", "digest": "a"}, {"generation": "7"}])
def test_what_nobody_stamped_is_no_stamp(data):
    assert stamp_of(data) is None
