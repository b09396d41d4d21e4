"""What is wrong with a spec beyond its schema."""

from __future__ import annotations

import pytest

from tests.acto import meaning
from tests.acto.crd import spec_schema
from tests.acto.places import put
from tests.acto.seeds import seeds
from tests.acto.special import specials
from tests.acto.verdict import defaulted

SPECS = {seed.name: defaulted(seed.spec, spec_schema()) for seed in seeds()}
TEMPLATE = ("spec", "template")
NODES = (*TEMPLATE, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
TEST = (*NODES, "nodeSelectorTerms", 0, "matchExpressions", 0)


def misfits(place, value, seed="custom"):
    return meaning.misfits(put({"spec": SPECS[seed]}, place, value)["spec"])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("spec", "hardware", "profile"), "none"),
        (("spec", "hardware", "count"), 2),
        ((*TEMPLATE, "labels"), {"example.com/" + "k" * 64: "x"}),
        ((*TEMPLATE, "annotations"), {"example.com/a b": "x"}),
        ((*TEMPLATE, "annotations"), {"-example.com/a": "x"}),
        ((*TEMPLATE, "nodeSelector"), {"type": "x"}),
        ((*TEMPLATE, "env"), [{"name": "HOME", "value": ""}]),
        ((*TEMPLATE, "tolerations"), [{"key": "a", "operator": "Exists", "value": "b"}]),
        ((*TEMPLATE, "tolerations"), [{"key": "a", "operator": "Exists", "tolerationSeconds": 1}]),
        ((*TEMPLATE, "tolerations"), [{"key": "k" * 64, "operator": "Exists"}]),
        ((*TEMPLATE, "resources"), {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
        ((*TEMPLATE, "resources"), {"limits": {"cpu": "9m"}}),
        ((*TEMPLATE, "resources"), {"requests": {"cpu": "1e309"}}),
        ((*TEMPLATE, "resources"), {"requests": {"cpu": -1}}),
        ((*TEMPLATE, "priorityClassName"), "a..b"),
        (TEST, {"key": "a", "operator": "In", "values": []}),
        (TEST, {"key": "a", "operator": "Exists", "values": ["b"]}),
        (TEST, {"key": "a", "operator": "Gt", "values": ["1", "2"]}),
        (TEST, {"key": "k" * 64, "operator": "Exists"}),
    ],
    ids=str,
)
def test_what_kubernetes_or_the_operator_refuses_is_found(place, value):
    assert misfits(place, value)


@pytest.mark.parametrize(
    ("place", "value", "seed"),
    [
        (("spec", "hardware", "profile"), "gpu", "llamacpp"),
        (("spec", "model", "secretRef", "key"), "..a", "vllm"),
        (("spec", "model", "chatTemplateRef", "key"), "..a", "claim"),
        (("spec", "adapters", 0, "secretRef", "key"), "..a", "vllm"),
        (("spec", "adapters", 0, "uri"), "pvc://a/..", "claim"),
        (("spec", "model", "file"), "a.gguf", "claim"),
        (("spec", "model", "parameterCount"), "39B", "claim"),
        (("spec", "engine", "maxContextTokens"), 32769, "sglang"),
    ],
    ids=str,
)
def test_what_cannot_be_right_of_files_is_found(place, value, seed):
    assert misfits(place, value, seed)


def test_a_model_of_files_that_fits_is_not_found():
    assert not misfits(("spec", "model", "parameterCount"), "38B", "claim")
    assert not misfits(("spec", "engine", "maxContextTokens"), 32768, "sglang")
    assert not misfits(("spec", "engine", "image"), "registry.example.com/cuda:1", "llamacpp")


@pytest.mark.parametrize("seed", ["simulator", "vllm", "sglang", "llamacpp"])
def test_arguments_of_the_operator_are_found_only_on_engines_that_it_knows(seed):
    assert misfits(("spec", "engine", "args"), ["--port=1"], seed)
    assert not misfits(("spec", "engine", "args"), ["--port=1"], "custom")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (
            (*TEMPLATE, "tolerations"),
            [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}],
        ),
        ((*TEMPLATE, "resources"), {"requests": {"cpu": "1000m"}, "limits": {"cpu": 1}}),
        ((*TEMPLATE, "labels"), {"example.com/" + "k" * 63: "x"}),
        (TEST, {"key": "a", "operator": "Lt", "values": ["1"]}),
    ],
    ids=str,
)
def test_what_can_be_carried_out_is_not_found(place, value):
    assert misfits(place, value) == ()


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1), (2, 2), ("1500m", 1.5), ("1Ki", 1024), ("1e3", 1000), ("2M", 2e6), ("1e-1", 0.1)]
)
def test_a_quantity_has_its_value(text, value):
    assert float(meaning.amount(text)) == pytest.approx(value)


def test_cases_by_hand_are_of_seeds_that_there_are_and_stand_once():
    every = list(specials())
    assert {each.seed for each in every} <= SPECS.keys()
    assert len({(each.path, each.name) for each in every}) == len(every)
