"""What is wrong with a spec although the schema takes it: what Kubernetes refuses in a child, or the operator itself.

Written from Kubernetes' own documentation of these types and from the descriptions of our fields, not from the code
under test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from tests.acto.answers import CONTEXT_TOKENS
from tests.acto.places import ABSENT, Place, get

#: Profiles of the operator under test; `kwok` has pretended nodes, `gpu` has accelerators and no node.
PROFILES: dict[str, dict[str, Any]] = {
    "kwok": {
        "name": "kwok",
        "nodeSelector": {"type": "kwok"},
        "tolerations": [{"key": key, "operator": "Exists"} for key in ("kwok.x-k8s.io/node", "nvidia.com/gpu")],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "pricePerHour": "1",
    },
    "gpu": {"name": "gpu", "acceleratorResource": "nvidia.com/gpu", "memoryGiB": 80, "pricePerHour": "2.5"},
}
#: The one class of priority that there is, besides the system's.
PRIORITY_CLASS = "acto"
#: Arguments of each engine that the operator gives from other fields.
OWNED = {
    "Simulator": (
        "--model",
        "--served-name",
        "--host",
        "--port",
        "--batching",
        "--max-batch-size",
        "--drain-seconds",
        "--config",
    ),
    "VLLM": (
        "--model",
        "--served-model-name",
        "--host",
        "--port",
        "--tensor-parallel-size",
        "--max-model-len",
        "--api-key",
        "--config",
    ),
    "SGLang": (
        "--model-path",
        "--served-model-name",
        "--host",
        "--port",
        "--tp-size",
        "--context-length",
        "--api-key",
        "--config",
    ),
    "LlamaCpp": ("--model", "--alias", "--host", "--port", "--ctx-size", "--api-key-file"),
    "Custom": (),
}
#: Schemes of models that are files.
_FILES = ("hf", "s3", "http", "https", "pvc")

_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?\Z")
_DOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_QUANTITY = re.compile(r"(-?[0-9.]+)(n|u|m|k|Ki|Mi|Gi|Ti|Pi|Ei|M|G|T|P|E|e-?[0-9]+)?\Z")
_UNITS = {
    "": 1, "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": 10**3, "M": 10**6, "G": 10**9,
    "T": 10**12, "P": 10**15, "E": 10**18, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50,
    "Ei": 2**60,
}  # fmt: skip
Spec = Mapping[str, Any]
Check = Callable[[Spec], Iterator[Place]]


def misfits(spec: Spec) -> tuple[Place, ...]:
    """Places of a spec, taken by the schema and with its defaults, that cannot be carried out."""
    return tuple(place for check in _CHECKS for place in check(spec))


def domain(text: str) -> bool:
    """A DNS subdomain, as names of most objects are."""
    return len(text) <= 253 and bool(_DOMAIN.match(text))


def qualified(key: str) -> bool:
    """A key of labels and taints: at most 63 characters, after a DNS subdomain and a slash if there is one."""
    before, slash, name = key.rpartition("/")
    return bool(_NAME.match(name)) and (not slash or domain(before))


def amount(text: Any) -> Decimal:
    """Value of a quantity."""
    match = _QUANTITY.match(str(text))
    assert match, text
    unit = match[2] or ""
    return Decimal(match[1]).scaleb(int(unit[1:])) if unit[:1] == "e" else Decimal(match[1]) * _UNITS[unit]


def _at(spec: Spec, *steps: str | int) -> Any:
    found = get(spec, steps)
    return None if found is ABSENT else found


def _profile(spec: Spec) -> Iterator[Place]:
    if spec["hardware"]["profile"] not in PROFILES:
        yield ("spec", "hardware", "profile")
    elif spec["hardware"]["count"] > 1 and "acceleratorResource" not in PROFILES[spec["hardware"]["profile"]]:
        yield ("spec", "hardware", "count")


def engine(spec: Spec) -> str:
    """The engine that serves a spec: the one that it names, else the usual one for its model."""
    model = spec["model"]
    usual = {"sim": "Simulator", "image": "Custom"}.get(_scheme(model["uri"]), "VLLM")
    gguf = usual == "VLLM" and (model.get("file") or model["uri"]).endswith(".gguf")
    return _at(spec, "engine", "type") or ("LlamaCpp" if gguf else usual)


def _scheme(uri: str) -> str:
    return uri.partition("://")[0]


def _arguments(spec: Spec) -> Iterator[Place]:
    for argument in _at(spec, "engine", "args") or ():
        if argument.partition("=")[0] in OWNED[engine(spec)]:
            yield ("spec", "engine", "args")


def _computed(spec: Spec) -> Iterator[Place]:
    """The default image of llama.cpp has no use for accelerators."""
    accelerated = "acceleratorResource" in PROFILES.get(spec["hardware"]["profile"], {})
    if engine(spec) == "LlamaCpp" and accelerated and not _at(spec, "engine", "image"):
        yield ("spec", "hardware", "profile")


def _keys_of_files(spec: Spec) -> Iterator[Place]:
    """A file of a volume may not begin with two dots."""
    model = spec["model"]
    for name in ("secretRef", "chatTemplateRef"):
        if (model.get(name) or {}).get("key", "").startswith(".."):
            yield ("spec", "model", name, "key")
    for index, adapter in enumerate(spec.get("adapters") or ()):
        if (adapter.get("secretRef") or {}).get("key", "").startswith("..") and _scheme(adapter["uri"]) != "pvc":
            yield ("spec", "adapters", index, "secretRef", "key")


def _adapters(spec: Spec) -> Iterator[Place]:
    """An adapter is asked for by its name, as the model is; and llama.cpp has no names for them."""
    if spec.get("adapters") and engine(spec) == "LlamaCpp":
        yield ("spec", "adapters")
    for index, adapter in enumerate(spec.get("adapters") or ()):
        if adapter["uri"].endswith(("/..", "/.")):
            yield ("spec", "adapters", index, "uri")


def _memory(spec: Spec) -> Iterator[Place]:
    """What is counted where a profile says how much memory there is: of the models of answers.py."""
    memory = PROFILES.get(spec["hardware"]["profile"], {}).get("memoryGiB", 0) * 2**30
    model = spec["model"]
    if not memory or _scheme(model["uri"]) not in _FILES:
        return
    weights = amount_of_parameters(model.get("parameterCount") or "0") * 2
    if _scheme(model["uri"]) == "pvc" and weights / spec["hardware"]["count"] > memory * 0.9:
        yield ("spec", "model", "parameterCount")
    if (_at(spec, "engine", "maxContextTokens") or 0) > CONTEXT_TOKENS:
        yield ("spec", "engine", "maxContextTokens")


def amount_of_parameters(text: str) -> Decimal:
    """Such as 7600M or 7.6B."""
    scale = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}.get(text[-1], 1)
    return Decimal(text.rstrip("KMBT")) * scale


def _keys(spec: Spec) -> Iterator[Place]:
    for name in ("labels", "annotations", "nodeSelector"):
        for key in _at(spec, "template", name) or ():
            if not qualified(key):
                yield ("spec", "template", name)


def _selector(spec: Spec) -> Iterator[Place]:
    taken = PROFILES.get(spec["hardware"]["profile"], {}).get("nodeSelector", {})
    if taken.keys() & (_at(spec, "template", "nodeSelector") or {}).keys():
        yield ("spec", "template", "nodeSelector")


def _environment(spec: Spec) -> Iterator[Place]:
    named = engine(spec) != "Simulator"
    for variable in _at(spec, "template", "env") or ():
        if named and variable["name"] == "HOME":
            yield ("spec", "template", "env")


def _tolerations(spec: Spec) -> Iterator[Place]:
    for index, each in enumerate(_at(spec, "template", "tolerations") or ()):
        place = ("spec", "template", "tolerations", index)
        if not qualified(each["key"]):
            yield (*place, "key")
        if each.get("operator") == "Exists" and each.get("value"):
            yield (*place, "operator")
        if each.get("tolerationSeconds") is not None and each.get("effect") != "NoExecute":
            yield (*place, "effect")


def _resources(spec: Spec) -> Iterator[Place]:
    resources = _at(spec, "template", "resources") or {}
    profile = PROFILES.get(spec["hardware"]["profile"], {}).get("resources", {})
    sides = {side: {**profile.get(side, {}), **(resources.get(side) or {})} for side in ("requests", "limits")}
    for side, values in sides.items():
        for name, value in values.items():
            # Kubernetes caps at the largest int64 without a word; a cap would hide the mistake.
            if not 0 <= amount(value) <= 2**63 - 1:
                yield ("spec", "template", "resources", side, name)
    for name, limit in sides["limits"].items():
        if name in sides["requests"] and amount(sides["requests"][name]) > amount(limit):
            yield ("spec", "template", "resources", "requests", name)


def _names(spec: Spec) -> Iterator[Place]:
    name = _at(spec, "template", "priorityClassName")
    if name is not None and not domain(name):
        yield ("spec", "template", "priorityClassName")


def _affinity(spec: Spec) -> Iterator[Place]:
    place = ("spec", "template", "affinity")
    for where, each in _walk(place, _at(spec, "template", "affinity")):
        if "operator" in each and "key" in each and not _requirement(each):
            yield where
        if "topologyKey" in each and not qualified(each["topologyKey"]):
            yield (*where, "topologyKey")
        if any(not qualified(key) for key in each.get("matchLabels") or ()):
            yield (*where, "matchLabels")


def _requirement(test: Mapping[str, Any]) -> bool:
    """Whether a test of a label is one: In needs values, Exists has none, Gt compares with one number."""
    values, operator = test.get("values") or [], test["operator"]
    if not qualified(test["key"]):
        return False
    if operator in ("In", "NotIn"):
        return bool(values)
    if operator in ("Exists", "DoesNotExist"):
        return not values
    return len(values) == 1 and bool(re.match(r"-?[0-9]{1,18}\Z", values[0]))


def _walk(place: Place, value: Any) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        yield place, value
        for key, each in value.items():
            yield from _walk((*place, key), each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _walk((*place, index), each)


_CHECKS: tuple[Check, ...] = (
    _profile, _arguments, _computed, _keys_of_files, _adapters, _memory, _keys, _selector, _environment, _tolerations,
    _resources, _names, _affinity,
)  # fmt: skip
