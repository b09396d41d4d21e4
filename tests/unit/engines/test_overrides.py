"""spec.template: what it adds to the pods, and what it may not ask for."""

from __future__ import annotations

import pytest

from paceline.errors import Stalled
from tests.support import models

GPU = {
    "acceleratorResource": "nvidia.com/gpu",
    "nodeSelector": {"gpu": "h100"},
    "resources": {"requests": {"cpu": "8"}},
}


def template(profile=None, **overrides):
    """The pods' template as it is rendered with these overrides."""
    md = models.model({"template": overrides})
    return models.children(md, models.hardware(**(profile or {})))[-1]["spec"]["template"]


def pod(profile=None, **overrides):
    return template(profile, **overrides)["spec"]


def test_without_overrides_nothing_is_added():
    assert template() == template(labels={})


def test_labels_and_annotations_are_added_and_take_no_label_of_ours():
    made = template(labels={"example.com/team": "support"}, annotations={"example.com/contact": "sre"})["metadata"]
    assert made["labels"]["example.com/team"] == "support"
    assert made["labels"].items() >= template()["metadata"]["labels"].items() - {
        ("paceline.dev/revision", template()["metadata"]["labels"]["paceline.dev/revision"])
    }
    assert made["annotations"] == {"example.com/contact": "sre"}


def test_places_are_added_to_those_of_the_profile():
    toleration = {"key": "team", "operator": "Equal", "value": "ml"}
    made = pod(
        GPU | {"tolerations": [{"key": "gpu", "operator": "Exists"}]},
        nodeSelector={"zone": "a"},
        tolerations=[toleration],
    )
    assert made["nodeSelector"] == {"gpu": "h100", "zone": "a"}
    assert [one["key"] for one in made["tolerations"]] == ["gpu", "team"]


def test_affinity_is_rendered_as_it_was_written():
    term = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "kubernetes.io/hostname"}
    nodes = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]}]}
    affinity = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": nodes},
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 10, "podAffinityTerm": term}]
        },
    }
    assert pod(affinity=affinity)["affinity"] == affinity


def test_variables_come_after_those_of_the_engine():
    md = models.custom(template={"env": [{"name": "LOG_LEVEL", "value": "debug"}]})
    (container,) = models.children(md)[-1]["spec"]["template"]["spec"]["containers"]
    assert [one["name"] for one in container["env"]] == ["HOME", "LOG_LEVEL"]


def test_resources_are_added_or_take_the_place_of_the_profiles_and_are_shown():
    md = models.model({"template": {"resources": {"requests": {"cpu": 2, "memory": "1024Mi"}}}})
    plan = models.plan(md, models.hardware(**GPU))
    assert dict(plan.requests) == {"cpu": "2", "memory": "1Gi", "nvidia.com/gpu": "1"}


def test_priority_and_pull_secrets_are_those_of_the_spec():
    made = pod(priorityClassName="batch", imagePullSecrets=[{"name": "registry"}])
    assert (made["priorityClassName"], made["imagePullSecrets"]) == ("batch", [{"name": "registry"}])


def test_a_changed_override_is_a_new_revision():
    plain = models.revision()
    assert models.revision(models.model({"template": {"labels": {"example.com/team": "support"}}})).label != plain.label


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"env": [{"name": "HOME", "value": "/"}]}, "spec.template.env sets HOME, which the engine sets"),
        ({"nodeSelector": {"gpu": "l4"}}, 'spec.template.nodeSelector sets gpu, which profile "sim" sets'),
    ],
)
def test_what_profile_and_engine_set_is_not_overridden(overrides, words):
    md = models.custom(template=overrides)
    with pytest.raises(Stalled, match=r"InvalidSpec") as refused:
        models.plan(md, models.hardware(**GPU))
    assert words in refused.value.message


@pytest.mark.parametrize(
    "overrides",
    [
        {"labels": {"paceline.dev/modeldeployment": "other"}},
        {"labels": {"app.kubernetes.io/name": "other"}},
        {"labels": {"app": "payments"}},
        {"annotations": {"k8s.v1.cni.cncf.io/networks": "other"}},
        {"env": [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}]},
        {"resources": {"limits": {"nvidia.com/gpu": "8"}}},
        {"annotations": {"container.apparmor.security.beta.kubernetes.io/engine": "unconfined"}},
        {"annotations": {"sidecar.istio.io/inject": "false"}},
        {"env": [{"name": "LD_PRELOAD", "value": "/tmp/x.so"}]},
        {"env": [{"name": "HF_TOKEN", "value": "hf_x"}]},
        {"env": [{"name": "vllm_api_key", "value": "x"}]},
        {"tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}]},
        {"priorityClassName": "system-node-critical"},
        {"resources": {"requests": {"cpu": "1e309"}}},
    ],
)
def test_what_takes_rights_is_refused_by_the_operator_too(overrides):
    """An object that an older CRD let in."""
    with pytest.raises(Stalled, match=r"InvalidSpec.*spec\.template"):
        models.model({"template": overrides})


@pytest.mark.parametrize(
    "name", ["TOKENIZERS_PARALLELISM", "VLLM_MAX_NUM_BATCHED_TOKENS", "TOKENIZER_MODE", "SECRETARY"]
)
def test_ordinary_variables_are_taken(name):
    assert models.model({"template": {"env": [{"name": name, "value": "1"}]}}).spec.template.env[0].name == name


@pytest.mark.parametrize(
    "field", ["hostNetwork", "hostPID", "volumes", "serviceAccountName", "securityContext", "nodeName"]
)
def test_fields_that_are_not_on_the_list_have_no_effect(field):
    assert template(**{field: "x"}) == template()
