"""What holds for children whatever is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.api.digest import digest
from paceline.api.revision import Revision
from tests.support import models

TEXT = st.text(max_size=60)
HARMLESS = "--harmless"


def rendered(md=None, **profile):
    md = md or models.model()
    hardware = models.hardware(**profile)
    return {child["kind"]: child for child in models.children(md, hardware)}


def template(md=None, **profile):
    return rendered(md, **profile)["Deployment"]["spec"]["template"]


def container(md=None, **profile):
    return template(md, **profile)["spec"]["containers"][0]


def shape(value: Any) -> Any:
    """Structure without leaves; the revision is a digest of the rest."""
    if isinstance(value, dict):
        return {key: shape(child) for key, child in value.items()}
    if isinstance(value, list):
        return [shape(child) for child in value]
    return type(value).__name__


def test_what_the_pods_need_comes_before_the_pods():
    assert list(rendered()) == ["ServiceAccount", "Service", "PodDisruptionBudget", "ControllerRevision", "Deployment"]


def test_every_child_belongs_to_its_modeldeployment_and_says_so():
    for child in rendered().values():
        owner = child["metadata"]["ownerReferences"][0]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("ModelDeployment", "chat", "0b1c")
        assert owner["controller"] is True
        assert child["metadata"]["labels"]["paceline.dev/modeldeployment"] == "chat"
        assert child["metadata"]["namespace"] == "models"


def test_the_pods_carry_what_the_selectors_select():
    made = rendered()
    labels = template()["metadata"]["labels"].items()
    selectors = [
        made["Deployment"]["spec"]["selector"]["matchLabels"],
        made["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        made["Service"]["spec"]["selector"],
    ]
    assert all(selector.items() <= labels for selector in selectors)


def test_the_pod_passes_pod_security_restricted():
    spec = template()["spec"]
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert spec["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert [volume.keys() - {"name"} for volume in spec["volumes"]] == [{"emptyDir"}]


def test_the_pod_has_no_token_and_no_service_variables():
    spec = template()["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert rendered()["ServiceAccount"]["automountServiceAccountToken"] is False


def test_the_pods_user_is_the_profiles():
    assert template(runAsUser=2000)["spec"]["securityContext"]["runAsUser"] == 2000


def test_termination_grace_covers_the_wait_and_the_drain():
    spec = template(models.model({"lifecycle": {"drainSeconds": 120}}))["spec"]
    wait = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert wait > 0
    assert spec["terminationGracePeriodSeconds"] > wait + 120


def test_the_startup_probe_gives_as_long_as_the_spec_says():
    probe = container(models.model({"lifecycle": {"startupSeconds": 77}}))["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == 77


def test_accelerators_are_requested_and_limited_alike():
    md = models.model({"hardware": {"count": 4}})
    resources = container(md, acceleratorResource="nvidia.com/gpu")["resources"]
    assert resources == {"requests": {"nvidia.com/gpu": "4"}, "limits": {"nvidia.com/gpu": "4"}}


def test_what_is_not_needed_is_not_rendered():
    md = models.custom()
    assert {"command", "args", "resources"} & set(container(md)) == set()
    assert {"nodeSelector", "tolerations"} & set(template(md)["spec"]) == set()


def test_a_new_number_of_replicas_is_no_new_revision():
    assert models.revision(models.model({"replicas": 5})) == models.revision()


def test_a_change_of_the_template_is_a_new_revision():
    changed = models.revision(models.model({"engine": {"args": ["--seed=2"]}}))
    assert changed.label != models.revision().label
    assert changed.name != models.revision().name


def test_a_revision_is_kept_with_all_that_is_needed_to_apply_it_again():
    kept = rendered()["ControllerRevision"]
    assert kept["data"]["template"] == template()
    assert kept["data"]["spec"] == {"model": {"uri": "sim://llama-3-8b-h100"}, "hardware": {"profile": "sim"}}
    assert Revision.parse(kept) == models.revision()


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_hostile_arguments_change_only_their_own_leaf(args):
    hostile = rendered(models.custom({"args": args}))
    harmless = rendered(models.custom({"args": [HARMLESS] * len(args)}))
    assert shape(hostile) == shape(harmless)
    assert container(models.custom({"args": args}))["args"] == args


@given(st.integers(0, 1000), st.integers(1, 64))
def test_children_are_json_and_rendering_is_repeatable(replicas, count):
    md = models.model({"replicas": replicas, "hardware": {"count": count}})
    once, twice = (rendered(md, acceleratorResource="amd.com/gpu") for _ in range(2))
    assert digest(once) == digest(twice)
    assert json.loads(json.dumps(once)) == once


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget", "Deployment", "ServiceAccount"])
def test_children_of_equally_named_models_in_two_namespaces_have_two_names(kind):
    names = {rendered(models.model(namespace=ns))[kind]["metadata"]["name"] for ns in ("a", "b")}
    assert len(names) == 2
