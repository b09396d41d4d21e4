"""Cases that need to know what a field means, beyond the edges of its schema; mostly of Kubernetes' own types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.acto.expectation import Expectation
from tests.acto.places import Place

_NODES = "requiredDuringSchedulingIgnoredDuringExecution"
_TEMPLATE = ("spec", "template")


@dataclass(frozen=True)
class Special:
    """A change by hand.

    Attributes:
        seed: Name of the seed that is changed.
        path: The field.
        place: Where the value goes.
        reason: Of the condition that must come, where the change makes trouble.
    """

    name: str
    seed: str
    path: str
    place: Place
    value: Any
    expect: Expectation
    reason: str = ""


def specials() -> Iterator[Special]:
    """All of them."""
    yield from _scheduling()
    yield from _collisions()
    yield from _references()
    yield from _members()
    yield from _files()
    yield from _adapters()
    yield from _sizes()
    yield from _shares()


def _scheduling() -> Iterator[Special]:
    nowhere = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "example.com/none", "operator": "Exists"}]}]}
    far = [{"topologyKey": "type", "labelSelector": {"matchLabels": {"example.com/none": "x"}}}]
    affinity = (*_TEMPLATE, "affinity")
    trouble = {
        "affinity that fits no node": ((*affinity, "nodeAffinity", _NODES), nowhere),
        "near to pods that are not": ((*affinity, "podAffinity", _NODES), far),
        "selector that fits no node": ((*_TEMPLATE, "nodeSelector"), {"example.com/none": "x"}),
        "more CPU than a node": ((*_TEMPLATE, "resources"), {"requests": {"cpu": "100k"}}),
        "more memory than a node": ((*_TEMPLATE, "resources"), {"requests": {"memory": "9Pi"}}),
        "more disk than a node": ((*_TEMPLATE, "resources"), {"requests": {"ephemeral-storage": "9Pi"}}),
    }
    for name, (place, value) in trouble.items():
        path = ".".join(str(step) for step in place)
        yield Special(name, "custom", path, place, value, Expectation.TROUBLE, "NoCapacity")


def _collisions() -> Iterator[Special]:
    def refused(name: str, seed: str, place: Place, value: Any, reason: str) -> Special:
        path = ".".join(str(step) for step in place)
        return Special(name, seed, path, place, value, Expectation.REFUSED, reason)

    spec = "spec"
    for seed in ("simulator", "vllm", "sglang", "llamacpp"):
        name = f"argument of the operator on {seed}"
        yield refused(name, seed, (spec, "engine", "args"), ["--port=1"], "InvalidSpec")
    yield refused("variable of the engine", "custom", (*_TEMPLATE, "env"), [{"name": "HOME"}], "InvalidSpec")
    yield refused("key of the profile", "custom", (*_TEMPLATE, "nodeSelector"), {"type": "other"}, "InvalidSpec")
    resources = {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}
    yield refused("request above its limit", "custom", (*_TEMPLATE, "resources"), resources, "")
    yield refused("accelerators that are not", "custom", (spec, "hardware", "count"), 2, "InvalidSpec")
    for name, key in {"label of Services": "paceline.dev/modeldeployment", "label of names": "app"}.items():
        yield refused(name, "custom", (*_TEMPLATE, "labels"), {key: "x"}, "")


def _files() -> Iterator[Special]:
    model = ("spec", "model")
    uris = {
        "one file of a web server": "https://models.example.com/q4/qwen.gguf",
        "one file of a bucket": "s3://models/q4/qwen.gguf",
        "one file of a claim": "pvc://models/q4/qwen.gguf",
        "one file of a long name": f"pvc://models/{'q' * 300}.gguf",
        "whole claim": "pvc://models",
        "port": "https://models.example.com:8443/qwen",
    }
    for name, uri in uris.items():
        # Without an engine the file's ending chooses it; on a profile of CPUs, which is what llama.cpp takes.
        spec = {"model": {"uri": uri}, "hardware": {"profile": "kwok"}, "replicas": 0}
        yield Special(name, "claim", "spec.model.uri", ("spec",), spec, Expectation.VALID)
    for name, uri in {"way up": "hf://a/..", "way up inside": "s3://a/../b", "Secret in it": "https://a:b@c/d"}.items():
        yield Special(name, "vllm", "spec.model.uri", (*model, "uri"), uri, Expectation.REFUSED)
    for path, place in {
        "spec.model.secretRef.key": (*model, "secretRef", "key"),
        "spec.model.chatTemplateRef.key": (*model, "chatTemplateRef", "key"),
        "spec.adapters[].secretRef.key": ("spec", "adapters", 0, "secretRef", "key"),
    }.items():
        yield Special("two dots", "vllm", path, place, "..key", Expectation.REFUSED)


def _adapters() -> Iterator[Special]:
    place, path = ("spec", "adapters", 0, "name"), "spec.adapters[].name"
    yield Special("name of the model", "claim", path, place, "claim", Expectation.REFUSED, "InvalidSpec")
    place, path = ("spec", "adapters", 0, "uri"), "spec.adapters[].uri"
    for name, uri in {"way up": "pvc://adapters/..", "way up inside": "pvc://a/../b", "image": "image://a/b:1"}.items():
        yield Special(name, "claim", path, place, uri, Expectation.REFUSED)


def _sizes() -> Iterator[Special]:
    """Whether a model fits its hardware: with the sizes of answers.py, on 80 GiB."""
    place, path = ("spec", "model", "parameterCount"), "spec.model.parameterCount"
    for name, value in {"thousands": "9000000K", "billions": "7.5B", "plain": "7000000000"}.items():
        yield Special(name, "claim", path, place, value, Expectation.VALID)
    yield Special("small letter", "claim", path, place, "70b", Expectation.REFUSED)
    yield Special("too large for its hardware", "claim", path, place, "999B", Expectation.REFUSED, "DoesNotFit")
    place, path = ("spec", "engine", "maxContextTokens"), "spec.engine.maxContextTokens"
    yield Special("more than it was made for", "vllm", path, place, 32769, Expectation.REFUSED, "DoesNotFit")
    yield Special("all that it was made for", "vllm", path, place, 32768, Expectation.VALID)
    place, path = ("spec", "hardware", "profile"), "spec.hardware.profile"
    yield Special("accelerators for CPUs", "llamacpp", path, place, "gpu", Expectation.REFUSED, "InvalidSpec")


def _shares() -> Iterator[Special]:
    place = ("spec", "parallelism")
    right = {
        "all tensor": {"tensor": 4},
        "all pipeline": {"pipeline": 4},
        "all data": {"data": 4},
        "of each": {"tensor": 2, "pipeline": 1, "data": 2},
    }
    for name, value in right.items():
        yield Special(name, "vllm", "spec.parallelism", place, value, Expectation.VALID)
        if "tensor" in value:
            yield Special(name, "vllm", "spec.parallelism.tensor", place, value, Expectation.VALID)
    for name, value in {"too many": {"tensor": 8}, "that do not divide": {"pipeline": 3}}.items():
        yield Special(name, "vllm", "spec.parallelism", place, value, Expectation.REFUSED)


def _references() -> Iterator[Special]:
    place = (*_TEMPLATE, "priorityClassName")
    path = "spec.template.priorityClassName"
    yield Special("class that is not", "custom", path, place, "none", Expectation.TROUBLE, "PodRefused")
    place = ("spec", "hardware", "profile")
    path = "spec.hardware.profile"
    yield Special("profile that is not", "custom", path, place, "none", Expectation.REFUSED, "UnknownProfile")
    yield Special("another profile", "static", path, place, "kwok", Expectation.VALID)
    place = (*_TEMPLATE, "imagePullSecrets")
    # Only a kubelet notices that a Secret is not there, and then pulls without it.
    secrets = [{"name": "none"}]
    yield Special("Secret that is not", "custom", "spec.template.imagePullSecrets", place, secrets, Expectation.VALID)


def _members() -> Iterator[Special]:
    """From one member of a union to another."""
    place, path = ("spec", "engine", "batching"), "spec.engine.batching"
    others = {
        "Continuous instead": {"type": "Continuous"},
        "Static instead": {"type": "Static", "static": {"batchSize": 3}},
    }
    for name, value in others.items():
        yield Special(name, "simulator", path, place, value, Expectation.VALID)
