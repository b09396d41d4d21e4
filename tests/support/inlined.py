"""A gateway's files as one configuration, for `envoy --mode validate`, which follows no reference to another file."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any


def inlined(files: Mapping[str, Any]) -> dict[str, Any]:
    """The bootstrap with every resource of the other files in the place that refers to it."""
    files = {name: copy.deepcopy(document) for name, document in files.items()}
    bootstrap = files["bootstrap"]
    del bootstrap["dynamic_resources"]
    static = bootstrap["static_resources"]
    static["clusters"] += files["cds"]["resources"]
    static["listeners"] = files["lds"]["resources"]
    static["secrets"] = [each for name, file in files.items() if name.startswith("sds/") for each in file["resources"]]
    for cluster in static["clusters"]:
        cluster.pop("@type", None)
        if cluster.get("type") == "EDS":
            name = cluster["name"]
            (endpoints,) = files.get(f"eds/{name}", files["peers"])["resources"]
            del cluster["eds_cluster_config"], endpoints["@type"]
            cluster |= {"type": "STATIC", "load_assignment": endpoints | {"cluster_name": name}}
    for listener in static["listeners"]:
        del listener["@type"]
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        del manager["rds"]
        (manager["route_config"],) = copy.deepcopy(files["rds"]["resources"])
        del manager["route_config"]["@type"]
        for each in manager["http_filters"]:
            if each.pop("config_discovery", None):
                each["typed_config"] = files[each["name"]]["resources"][0]["typed_config"]
    for secret in static["secrets"]:
        del secret["@type"]
    return _without(bootstrap, "sds_config")


def _without(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _without(each, name) for key, each in value.items() if key != name}
    return [_without(each, name) for each in value] if isinstance(value, list) else value
