"""What gateways learn of a ModelDeployment: the pods that can be asked, as their own revision says."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from paceline.api.revision import Revision
from paceline.decide.observation import Children, PodView
from paceline.gateway.ir import Endpoint, Objective
from paceline.gateway.observation import Model
from paceline.reconcile.served import served
from tests.support import models
from tests.support.gateways import gateway, local, route
from tests.support.translating import made, seen

OLD = models.model({"model": {"servedName": "old-name"}})
NEW = models.model({"exposure": "GatewayOnly"})


def revisions() -> tuple[Revision, Revision]:
    return models.revision(OLD, number=1), models.revision(NEW, number=2)


def pod(revision: Revision, ip: str, **more: Any) -> PodView:
    return models.pod(f"pod-{ip}", revision=revision.label, ip=ip, **more)


def found(*pods: PodView, running: str = "", kept: tuple[Revision, ...] | None = None) -> Model:
    known = revisions() if kept is None else kept
    deployment = models.deployment(revision=running) if running else None
    return served(NEW, Children(deployment, pods, known))


def test_each_revision_is_asked_as_it_was_made_and_the_one_in_force_comes_first():
    old, new = revisions()
    first, second = found(pod(old, "10.0.0.1"), pod(new, "10.0.0.2"), running=new.label).servings
    assert (first.revision, first.served_name, first.locked) == (new.label, "chat", True)
    assert (second.revision, second.served_name, second.locked) == (old.label, "old-name", False)
    assert first.endpoints == (Endpoint("10.0.0.2", new.data["effective"]["port"]),)
    assert (first.engine, first.health_path) == ("Simulator", "/health")
    assert [each.revision for each in found(pod(old, "10.0.0.1"), running=old.label).servings] == [old.label]


@pytest.mark.parametrize(
    "more", [{"ready": False}, {"deleting": True}, {"lost": True}, {"ip": ""}], ids=lambda each: next(iter(each))
)
def test_only_pods_that_can_take_a_request_are_asked(more):
    _, new = revisions()
    given = {"ip": "10.0.0.1", **more}
    (one,) = found(pod(new, **given), pod(new, "10.0.0.2"), running=new.label).servings
    assert [each.address for each in one.endpoints] == ["10.0.0.2"]


def test_a_model_at_zero_is_known_by_its_revision_in_force():
    _, new = revisions()
    (one,) = found(running=new.label).servings
    assert (one.revision, one.endpoints) == (new.label, ())
    assert found().servings == ()


def test_pods_of_a_revision_that_nobody_kept_are_left_alone():
    old, new = revisions()
    assert found(pod(old, "10.0.0.1"), running=old.label, kept=(new,)).servings == ()


def forged(**effective: Any) -> Revision:
    old, _ = revisions()
    data = json.loads(old.text)
    data["effective"] |= effective
    return replace(old, text=json.dumps(data).encode())


@pytest.mark.parametrize(
    "effective", [{"type": "Other"}, {"port": 70_000}, {"probes": []}, {"probes": {"readiness": {"path": 7}}}], ids=str
)
def test_a_forged_revision_is_none(effective):
    old = forged(**effective)
    assert found(pod(old, "10.0.0.1"), running=old.label, kept=(old,)).servings == ()
    assert found(running=old.label, kept=(forged(),)).servings


def test_adapters_and_the_longest_request_are_those_of_the_revision():
    spec = {"model": {"uri": "hf://a/b"}, "engine": {"maxContextTokens": 4096}}
    md = models.model({**spec, "adapters": [{"name": "lora", "uri": "hf://a/l"}]})
    revision = models.revision(md)
    (one,) = served(NEW, Children(models.deployment(revision=revision.label), (), (revision,))).servings
    assert (one.adapters, one.context_tokens, one.engine) == (("lora",), 4096, "VLLM")


def test_what_the_reconcile_knows_besides_is_passed_on():
    known = served(NEW, Children(), {"r1": 5}, saturated=True)
    assert (known.weights, known.saturated, known.objective) == ({"r1": 5}, True, Objective())


def test_the_targets_of_requests_are_those_of_the_spec_as_it_is_now():
    given = models.model({"slo": {"ttftMilliseconds": 500, "tpotMilliseconds": 50}})
    assert served(given, Children()).objective == Objective(500, 50)
    assert models.revision(given).label == models.revision(models.model()).label, "a change of them restarts nothing"


@pytest.mark.parametrize(
    ("spec", "places"),
    [
        ({}, 256),
        ({"engine": {"batching": {"type": "Static", "static": {"batchSize": 8}}}}, 8),
        ({"model": {"uri": "sim://nobody-has-measured-it"}}, None),
        ({"model": {"uri": "hf://a/b"}}, 1024),
        ({"model": {"uri": "hf://a/b"}, "engine": {"args": ["--max-num-seqs=96"]}}, 96),
    ],
)
def test_an_engine_computes_as_many_requests_at_a_time_as_its_arguments_say(spec, places):
    revision = models.revision(models.model(spec))
    (one,) = served(NEW, Children(models.deployment(revision=revision.label), (), (revision,))).servings
    assert one.capacity == places


def test_a_gateway_is_made_of_it():
    old, new = revisions()
    known = found(pod(old, "10.0.0.1"), pod(new, "10.0.0.2"), running=new.label)
    translated = made(seen(gateway({"routes": [route(local())]}), models=(known,)))
    addresses = {each.model: each.servers.endpoints[0].address for each in translated.gateway.clusters}
    assert addresses == {"old-name": "10.0.0.1", "chat": "10.0.0.2"}
    assert translated.mounts == {"chat-engine-key": ("key",)}
