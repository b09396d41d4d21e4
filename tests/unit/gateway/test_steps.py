"""The order in which Envoy's files are exchanged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from paceline.gateway.envoy import documents_of, scripts
from paceline.gateway.envoy.endpoints import MOST_FILES
from paceline.gateway.ir import Cluster, Gateway, Pods
from paceline.gateway.steps import Step, endpoints, steps, watched
from tests.support.neutral import SECRETS, empty, full, minimal


def files(gateway: Gateway) -> dict[str, str]:
    return scripts() | {place: json.dumps(each) for place, each in documents_of(gateway, SECRETS, "/f").items()}


def clusters(*names: str, port: int = 1) -> str:
    return json.dumps({"resources": [{"name": name, "port": port} for name in names]})


def places(found: list[Step]) -> list[list[str]]:
    return [sorted(each.write) or list(each.remove) for each in found]


def named(text: str) -> set[str]:
    return {each["name"] for each in json.loads(text)["resources"]}


def test_a_new_folder_gets_what_is_referred_to_first() -> None:
    first, *rest = steps({}, files(full()))
    assert {"peers.json", "deny.json", "eds/support-stable.json", "sds/openai.json"} <= set(first.write)
    assert places(rest) == [["cds.json"], ["rds.json"], ["lds.json"], ["bootstrap.json"]]


def test_where_nothing_changes_nothing_is_done() -> None:
    assert steps(files(full()), files(full())) == []


def test_a_denial_is_one_file() -> None:
    assert places(steps(files(full()), files(replace(full(), denied=())))) == [["deny.json"]]


def test_a_cluster_stays_until_no_route_names_it() -> None:
    old = {"cds.json": clusters("a", "b"), "rds.json": "to a", "eds/a.json": "1", "eds/b.json": "1"}
    new = {"cds.json": clusters("b", "c"), "rds.json": "to c", "eds/b.json": "1", "eds/c.json": "1"}
    found = steps(old, new)
    assert places(found) == [["eds/c.json"], ["cds.json"], ["rds.json"], ["cds.json"], ["eds/a.json"]]
    assert named(found[1].write["cds.json"]) == {"a", "b", "c"}
    assert named(found[3].write["cds.json"]) == {"b", "c"}


def test_where_clusters_only_go_they_are_written_once() -> None:
    old = {"cds.json": clusters("a", "b"), "rds.json": "to a"}
    assert places(steps(old, {"cds.json": clusters("b"), "rds.json": "to b"})) == [["rds.json"], ["cds.json"]]


def test_a_cluster_that_changes_while_another_goes_is_new_at_once() -> None:
    old = {"cds.json": clusters("a", "b"), "rds.json": "x"}
    first, *_ = steps(old, {"cds.json": clusters("b", port=2), "rds.json": "y"})
    assert {each["name"]: each["port"] for each in json.loads(first.write["cds.json"])["resources"]} == {"a": 1, "b": 2}


def test_files_of_addresses_that_the_clusters_need_are_known() -> None:
    assert endpoints({}) == frozenset()
    assert endpoints(files(full())) == {each for each in files(full()) if each.startswith("eds/")}
    assert watched(files(full())) == endpoints(files(full()))


def test_addresses_that_come_on_a_stream_are_needed_and_are_no_files() -> None:
    pods = tuple(Cluster(f"c{number}", Pods(), "m") for number in range(MOST_FILES + 1))
    many = files(replace(full(), clusters=pods, routes=()))
    assert endpoints(many) == {f"eds/{each.name}.json" for each in pods}
    assert watched(many) == frozenset()


def _walk(old: Mapping[str, str], new: Mapping[str, str]) -> list[dict[str, str]]:
    there = dict(old)
    seen = [dict(there)]
    for each in steps(old, new):
        for place, text in each.write.items():
            there[place] = text
            seen.append(dict(there))
        for place in each.remove:
            del there[place]
            seen.append(dict(there))
    return seen


WORLDS: list[Any] = [full, empty, minimal, lambda: replace(full(), clusters=full().clusters[:3], routes=())]


@given(st.sampled_from(WORLDS), st.sampled_from(WORLDS))
def test_from_anything_to_anything_no_file_names_what_is_not_there(one: Any, other: Any) -> None:
    old, new = files(one()), files(other())
    seen = _walk(old, new)
    assert seen[-1] == new
    for there in seen:
        assert endpoints(there) <= there.keys()
        known = named(there["cds.json"]) | {"agent"}
        for world in (one(), other()):
            if there["rds.json"] == files(world)["rds.json"]:
                assert {each.name for each in world.clusters} <= known
