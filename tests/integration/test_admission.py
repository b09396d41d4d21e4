"""What the real API server says about ModelDeployments: wrong ones by field and value, right ones without a word."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from paceline.api.modeldeployment import ModelDeployment
from paceline.decide.health import assess
from paceline.decide.observation import LatencyView
from paceline.decide.status import summarise
from tests.support import models
from tests.support.cluster import TestCluster

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "crds" / "examples").glob("modeldeployment-*.yaml"))
MINIMAL = yaml.safe_load((ROOT / "crds" / "examples" / "modeldeployment-minimal.yaml").read_text())
WRONG = yaml.safe_load((Path(__file__).parent / "admission" / "wrong-fields.yaml").read_text())
#: Values of the table that are too long to write out.
LONG: dict[str, Any] = {
    "LONG": "x" * 5000,
    "MANY": ["x"] * 10000,
    **{f"NAME{length}": "n" * length for length in (53, 63, 64, 253)},
    "MEBIBYTES": ["x" * 4096] * 350,
    "DEEP": functools.reduce(lambda inner, _: {"deep": inner}, range(300), {}),
}
DRY = ("--dry-run=server", "--validate=strict", "-o", "json", "-f", "-")


@pytest.fixture(scope="module")
def kinds(cluster: TestCluster) -> TestCluster:
    """The cluster with our CRDs as this checkout has them."""
    cluster.install_kinds()
    return cluster


@pytest.fixture
def restricted(kinds: TestCluster, namespace: str) -> str:
    """A namespace that admits only pods of Pod Security "restricted"."""
    kinds.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    kinds.kubectl("wait", "-n", namespace, "--for=create", "serviceaccount/default", "--timeout=30s")
    return namespace


def expanded(value: Any) -> Any:
    """A value of the table with its abbreviations written out."""
    if isinstance(value, dict):
        return {key: expanded(child) for key, child in value.items()}
    if isinstance(value, list):
        return [expanded(child) for child in value]
    return LONG.get(value, value) if isinstance(value, str) else value


def create(cluster: TestCluster, obj: dict[str, Any], *arguments: str) -> dict[str, Any]:
    """Create an object, by default only to see what the API server would say and store."""
    return json.loads(cluster.kubectl("create", *(arguments or DRY), stdin=json.dumps(obj)))


def contains(stored: Any, wanted: Any) -> bool:
    """Whether everything that is wanted is stored just so."""
    if isinstance(wanted, dict):
        return isinstance(stored, dict) and all(key in stored and contains(stored[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return len(stored) == len(wanted) and all(map(contains, stored, wanted))
    return stored == wanted


@pytest.mark.parametrize("row", WRONG, ids=lambda row: row["name"])
def test_a_wrong_field_is_refused_with_its_name_its_value_and_what_is_right(kinds, row):
    with pytest.raises(AssertionError) as refused:
        create(kinds, models.merged(MINIMAL, expanded(row["change"])))
    missing = [words for words in row["says"] if words not in str(refused.value)]
    assert not missing, f"the answer does not say {missing}: {str(refused.value)[:1000]}"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_accepted(kinds, example):
    assert create(kinds, yaml.safe_load(example.read_text()))["kind"] == "ModelDeployment"


def test_defaults_are_visible_in_the_stored_object(kinds):
    spec = create(kinds, MINIMAL)["spec"]
    assert spec["replicas"] == 1
    assert spec["lifecycle"] == {"startupSeconds": 1800, "drainSeconds": 300}
    assert spec["rollout"] == {
        "strategy": "Auto",
        "maxSurge": 1,
        "maxUnavailable": 0,
        "onOperatorUpgrade": "Never",
        "revisionHistoryLimit": 5,
        "progressDeadlineSeconds": 3600,
    }
    assert spec["hardware"] == {"profile": "sim", "count": 1, "nodes": 1}


def test_defaults_are_the_same_in_the_schema_and_in_the_operator(kinds):
    stored = create(kinds, MINIMAL) | {"status": {}}
    stored["metadata"] |= {"namespace": "default"}
    assert ModelDeployment.parse(stored).spec == models.model(MINIMAL["spec"]).spec


def test_nulls_are_read_as_left_out(kinds):
    nothing = {"lifecycle": None, "rollout": None, "replicas": None, "engine": None}
    obj = MINIMAL | {"spec": MINIMAL["spec"] | nothing}
    assert create(kinds, obj)["spec"] == create(kinds, MINIMAL)["spec"]


def test_unknown_fields_have_no_effect_where_a_client_does_not_have_them_checked(kinds):
    obj = models.merged(MINIMAL, {"spec": {"template": {"hostNetwork": True}}})
    stored = create(kinds, obj, "--dry-run=server", "--validate=ignore", "-o", "json", "-f", "-")
    assert stored["spec"] == create(kinds, MINIMAL)["spec"] | {"template": {}}


def test_a_name_of_52_characters_is_accepted(kinds):
    assert create(kinds, models.merged(MINIMAL, {"metadata": {"name": "n" * 52}}))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_children_are_stored_just_as_they_are_rendered(kinds, restricted, example):
    obj = yaml.safe_load(example.read_text())
    obj["metadata"] |= {"namespace": restricted, "uid": "5a9ee9a4-7d3c-4f4c-8a3c-3f1d9ed5d6c1"}
    md = ModelDeployment.parse(obj)
    hardware = models.hardware(
        name=md.spec.hardware.profile,
        resources={"requests": {"cpu": "0.5", "memory": "1024Mi"}, "limits": {"memory": "2e9"}},
        tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists"}, {"key": "team", "value": "ml"}],
    )
    for child in models.children(md, hardware):
        assert contains(create(kinds, child), child), child["kind"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_pods_are_admitted_where_pod_security_is_restricted(kinds, restricted, example):
    obj = yaml.safe_load(example.read_text())
    obj["metadata"] |= {"namespace": restricted, "uid": "0b1c"}
    md = ModelDeployment.parse(obj)
    template = models.children(md)[-1]["spec"]["template"]
    # Its own account does not exist in a dry run; Pod Security looks at all the rest.
    spec = {key: value for key, value in template["spec"].items() if key != "serviceAccountName"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "engine", "namespace": restricted}, "spec": spec}
    assert create(kinds, pod)["kind"] == "Pod"


def test_the_status_is_stored_whole_and_its_columns_are_printed(kinds, restricted):
    obj = create(kinds, MINIMAL | {"metadata": {"name": "chat", "namespace": restricted}}, "-o", "json", "-f", "-")
    md = ModelDeployment.parse(obj)
    hardware = models.hardware(pricePerHour="2.49")
    slow = models.histogram((0.4, 80), (0.5, 100))
    observation = models.seen(models.pod(), latency=LatencyView(models.NOW, slow, slow))
    plan = models.plan(md, hardware)
    made = assess(md, plan, observation, models.NOW)
    written = summarise(md, plan, observation, made, None, models.NOW, models.choice(md), models.taken(md))

    kinds.kubectl(
        *("patch", "mdep", "chat", "-n", restricted, "--subresource=status", "--type=merge"),
        *("-p", json.dumps({"status": written})),
    )

    assert kinds.get("mdep", "chat", "-n", restricted)["status"] == written
    head, row = kinds.kubectl("get", "mdep", "-n", restricted).splitlines()
    figures = ["TTFT-P95", "TPOT-P95", "SLO%", "COST/H"]
    assert head.split() == ["NAME", "READY", "AVAILABLE", "REASON", "REPLICAS", *figures, "AGE"]
    assert row.split()[:-1] == ["chat", "True", "True", "Answering", "1/1", "480", "ms", "480", "ms", "2.49"]
    assert "1 of 1 replicas answer." in kinds.kubectl("get", "paceline", "-n", restricted, "-o", "wide")


def test_the_number_of_replicas_can_be_scaled(kinds, restricted):
    create(kinds, MINIMAL | {"metadata": {"name": "chat", "namespace": restricted}}, "-o", "json", "-f", "-")
    kinds.kubectl("scale", "mdep/chat", "-n", restricted, "--replicas=3")
    assert kinds.get("mdep", "chat", "-n", restricted)["spec"]["replicas"] == 3
