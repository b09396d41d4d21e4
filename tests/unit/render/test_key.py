"""The Secret of an engine's key, and the pods that mount it."""

from __future__ import annotations

import pytest

from paceline import render
from paceline.api.names import key_secret
from tests.support import models

FILES = {"model": {"uri": "hf://acme/model", "secretRef": {"name": "hf", "key": "token"}}}


def template(exposure=None, **spec):
    md = models.model({**spec, **({"exposure": exposure} if exposure else {})})
    return models.children(md)[-1]["spec"]["template"]


def test_the_secret_is_the_owners_immutable_and_without_content():
    md = models.model({"exposure": "GatewayOnly"})
    children = models.children(md)
    made = render.engine_key(md, children)
    assert made["metadata"]["name"] == "chat-engine-key"
    assert made["immutable"] is True
    assert not {"data", "stringData"} & made.keys()
    for name in ("labels", "ownerReferences", "namespace"):
        assert made["metadata"][name] == children[-1]["metadata"][name]


def test_the_longest_name_is_no_longer_than_a_label():
    assert len(key_secret("a" * 52)) == 63


@pytest.mark.parametrize("spec", [{}, FILES], ids=["bare", "files"])
def test_only_the_engine_mounts_it_read_only_for_its_group(spec):
    pod = template("GatewayOnly", **spec)["spec"]
    (volume,) = (one for one in pod["volumes"] if one["name"] == "engine-key")
    items = [{"key": "config.yaml", "path": "config.yaml"}]
    assert volume["secret"] == {"secretName": "chat-engine-key", "items": items, "defaultMode": 0o440}
    (engine,) = pod["containers"]
    (mount,) = (one for one in engine["volumeMounts"] if one["name"] == "engine-key")
    assert mount["readOnly"] is True
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsUser"]
    for other in pod.get("initContainers", ()):
        assert "engine-key" not in [one["name"] for one in other["volumeMounts"]]


def test_last_words_that_could_hold_the_key_are_not_taken_from_the_log():
    assert template("GatewayOnly")["spec"]["containers"][0]["terminationMessagePolicy"] == "File"
    assert template()["spec"]["containers"][0]["terminationMessagePolicy"] == "FallbackToLogsOnError"


@pytest.mark.parametrize("spec", [{}, FILES], ids=["bare", "files"])
@pytest.mark.parametrize("exposure", ["Auto", "Cluster"])
def test_pods_without_a_key_are_as_they_were(exposure, spec):
    assert template(exposure, **spec) == template(**spec)
    md = models.model({**spec, "exposure": exposure})
    assert render.engine_key(md, models.children(md)) is None
    assert "fsGroup" not in template(exposure, **spec)["spec"]["securityContext"]


def test_a_key_is_another_revision():
    label = "paceline.dev/revision"
    assert template("GatewayOnly")["metadata"]["labels"][label] != template()["metadata"]["labels"][label]
