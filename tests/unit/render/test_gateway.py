"""Children of a Gateway. A new golden case is a new folder tests/golden/render-gateway/<case> with an in.yaml."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from paceline.api.gateway import Gateway
from paceline.gateway import ir
from paceline.render.gateway import COUNT, children
from paceline.render.gateway.pod import longest_seconds
from tests.support import gateways
from tests.support.gateways import SETUP
from tests.support.golden import ROOT, check_no_strays, golden

FOLDER = "render-gateway"
CASES = sorted(path.parent.name for path in (ROOT / FOLDER).glob("*/in.yaml"))


def made(gateway: Gateway, mounted: dict[str, tuple[str, ...]] | None = None) -> dict[str, Any]:
    return {child["kind"]: child for child in children(gateway, SETUP, mounted or {})}


def pod(gateway: Gateway, mounted: dict[str, tuple[str, ...]] | None = None) -> dict[str, Any]:
    return made(gateway, mounted)["Deployment"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("case", CASES)
def test_children_are_rendered_as_reviewed(case):
    given = yaml.safe_load((ROOT / FOLDER / case / "in.yaml").read_text())
    rendered = children(gateways.gateway(given["spec"]), SETUP, {k: tuple(v) for k, v in given["mounted"].items()})
    golden(f"{FOLDER}/{case}/out.yaml", yaml.safe_dump_all(rendered, sort_keys=False, allow_unicode=True, width=110))


def test_no_golden_file_is_left_of_a_case_that_is_gone():
    check_no_strays(FOLDER, {f"{case}/{end}" for case in CASES for end in ("in.yaml", "out.yaml")})


def test_with_its_stamp_a_gateway_has_as_many_children_as_are_counted():
    assert len(children(gateways.gateway(), SETUP, {})) + 1 == COUNT


def test_what_the_pods_need_comes_before_the_pods():
    assert list(made(gateways.gateway())) == [
        "ServiceAccount", "ConfigMap", "Service", "PodDisruptionBudget", "Deployment",
    ]  # fmt: skip


def test_every_child_belongs_to_its_gateway_and_says_so():
    for child in made(gateways.gateway()).values():
        (owner,) = child["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("Gateway", "public", "0a7e")
        assert child["metadata"]["labels"]["paceline.dev/gateway"] == "public"


def test_clients_find_the_service_by_the_name_of_the_gateway():
    assert made(gateways.gateway())["Service"]["metadata"]["name"] == "public-gateway"


@pytest.mark.parametrize(
    ("timeouts", "seconds"), [((), 600), ((1,), 600), ((600,), 600), ((601,), 1200), ((5, 4000), 4800)]
)
def test_a_pod_waits_for_the_longest_answer_in_steps(timeouts, seconds):
    routes = [gateways.route(model=f"m{each}", timeoutSeconds=each, firstByteTimeoutSeconds=1) for each in timeouts]
    gateway = gateways.gateway({"routes": routes})
    assert longest_seconds(gateway) == seconds
    assert pod(gateway)["terminationGracePeriodSeconds"] == seconds + 30


def test_the_agent_is_there_before_envoy_and_after_it():
    spec = pod(gateways.gateway())
    (agent,) = spec["initContainers"]
    assert agent["restartPolicy"] == "Always"
    assert [each["name"] for each in spec["containers"]] == ["envoy"]


def test_who_checks_answers_is_there_only_where_that_is_wanted_and_holds_nobody_up():
    found = {child["kind"]: child for child in children(gateways.gateway(), replace(SETUP, adapter=True), {})}
    spec = found["Deployment"]["spec"]["template"]["spec"]
    agent, adapter = spec["initContainers"]
    assert (adapter["name"], adapter["restartPolicy"]) == ("adapter", "Always")
    assert not {"startupProbe", "readinessProbe"} & set(adapter)
    assert [(each["name"], each["readOnly"]) for each in adapter["volumeMounts"]] == [("files", True)]
    assert [each["name"] for each in pod(gateways.gateway())["initContainers"]] == [agent["name"]]
    assert {f"--local-port={ir.ADAPTER_PORT}", f"--asking=http://127.0.0.1:{ir.ASKING_PORT}"} <= set(adapter["args"])


def test_both_that_ask_our_services_get_a_token_and_it_is_good_for_paceline_alone():
    spec = pod(gateways.gateway())
    (token,) = [each for each in spec["volumes"] if each["name"] == "token"]
    assert token["projected"]["sources"] == [{"serviceAccountToken": {"path": "token", "audience": "paceline"}}]
    ours = {"authority": "/etc/paceline/authority", "token": "/var/run/secrets/paceline"}
    for one in (*spec["containers"], *spec["initContainers"]):
        mounts = {each["name"]: each for each in one["volumeMounts"]}
        assert {name: mounts[name]["mountPath"] for name in ours} == ours
        assert all(mounts[name]["readOnly"] for name in ours)
    assert not spec["automountServiceAccountToken"]


def test_only_envoy_gets_the_tokens_of_providers():
    spec = pod(gateways.gateway(), {"providers": ("openai",)})
    mounts = [[m["mountPath"] for m in one["volumeMounts"]] for one in (*spec["containers"], *spec["initContainers"])]
    assert [any("secrets/providers" in path for path in paths) for paths in mounts] == [True, False]


def test_keys_of_consumers_are_never_on_a_disk():
    (files,) = [each for each in pod(gateways.gateway())["volumes"] if each["name"] == "files"]
    assert files["emptyDir"]["medium"] == "Memory"


def test_no_child_holds_a_key_of_anybody():
    words = yaml.safe_dump_all(made(gateways.gateway(), {"providers": ("openai",)}).values())
    assert "Secret" not in {child["kind"] for child in made(gateways.gateway()).values()}
    assert "pl_" not in words
