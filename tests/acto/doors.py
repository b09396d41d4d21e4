"""The cases of Gateway and Consumer: every field of their schemas changed in every way, on the example that has it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from paceline.kube.resources import CONSUMERS, GATEWAYS, Resource
from tests.acto import containers, crd, values
from tests.acto.cases import Case
from tests.acto.crd import ROOT, Field, Schema
from tests.acto.expectation import Expectation
from tests.acto.places import ABSENT, Place, get, put
from tests.acto.samples import NoSample, grown, steps
from tests.acto.seeds import present
from tests.acto.verdict import defaulted, violations

#: Fields that mean more on another seed than on the first that has them.
_CLAIMS = {"spec.routes[].backends[].weight": "gateway-outside"}
#: Right changes that no rule of `values` makes: seed, path, name, place, value.
_SPECIALS: tuple[tuple[str, str, str, Place, Any], ...] = (
    ("gateway-outside", "spec.routes[].mirror.backend", "is another", ("routes", 0, "mirror", "backend"), "shadow-2"),
)


@dataclass(frozen=True)
class Kind:
    """One of the two.

    Attributes:
        seeds: Specs that cases change, by their names; a field is tried on the first that has it.
    """

    resource: Resource
    seeds: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        """Of its first seed, and how the names of the others begin."""
        return self.resource.kind.lower()

    @property
    def schema(self) -> Schema:
        """Of spec."""
        return _schema(self.resource.plural)

    @property
    def leaves(self) -> frozenset[str]:
        """Paths of the fields that hold values."""
        return crd.leaves(self.schema)

    def meaning(self, spec: Any) -> Any:
        """A spec with its defaults, and with lists whose order says nothing in one order."""
        return _ordered(defaulted(spec, self.schema), self.schema)


@cache
def kinds() -> tuple[Kind, ...]:
    """Both, with the examples that have every field; what is tried is the first item of each list."""
    gateway, consumer = _example("gateway"), _example("consumer")
    backends, credentials = gateway["routes"][0]["backends"], consumer["credentials"]
    copies = {**backends[2], "name": "shadow-2"}
    shared = [{**backends[1], "priority": 0}, backends[0], backends[2], copies]
    plain = put(gateway, ("routes", 0, "backends"), shared)
    # Where answers are checked, who checks them is the only one that is asked.
    outside = put(put(plain, ("routes", 0, "onInvalidResponse"), ABSENT), ("routes", 0, "responseSchemaRef"), ABSENT)
    tokens = put(consumer, ("credentials",), credentials[::-1])
    return (
        Kind(GATEWAYS, {"gateway": gateway, "gateway-outside": outside}),
        Kind(CONSUMERS, {"consumer": consumer, "consumer-tokens": tokens}),
    )


def kind_of(seed: str) -> Kind:
    """Whose seed it is."""
    return next(each for each in kinds() if seed in each.seeds)


def _ordered(value: Any, schema: Schema) -> Any:
    if isinstance(value, Mapping):
        known = schema.get("properties", {})
        rest = schema.get("additionalProperties") or {}
        return {name: _ordered(each, known.get(name, rest)) for name, each in value.items()}
    if not isinstance(value, list):
        return value
    items = [_ordered(each, schema["items"]) for each in value]
    return sorted(items, key=json.dumps) if schema.get("x-kubernetes-list-type") in ("map", "set") else items


def _example(name: str) -> Mapping[str, Any]:
    text = (ROOT / "crds" / "examples" / f"{name}-full.yaml").read_text()
    found: Mapping[str, Any] = json.loads(json.dumps(yaml.safe_load(text)))["spec"]
    return found


@cache
def _schema(plural: str) -> Schema:
    found = yaml.safe_load((ROOT / "crds" / f"{plural}.paceline.dev.yaml").read_text())
    schema: Schema = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return schema


@cache
def cases(kind: str) -> tuple[Case, ...]:
    """Every case of a kind, by the name of its seed."""
    one = next(each for each in kinds() if each.name == kind)
    found = {case.id: case for field in crd.fields(one.schema) for case in _of(one, field)}
    return (*found.values(), *_specials(one))


def short(every: Iterable[Case], rotation: int) -> tuple[Case, ...]:
    """Of each field some right changes and some wrong ones, each turn others."""
    groups: dict[tuple[str, bool], list[Case]] = {}
    for case in every:
        groups.setdefault((case.path, case.admitted), []).append(case)
    return tuple(
        group[(rotation + turn) % len(group)] for group in groups.values() for turn in range(min(2, len(group)))
    )


def unreached(kind: Kind) -> tuple[str, ...]:
    """Fields that the seed has not and for which none could be grown."""
    return tuple(field.path for field in crd.fields(kind.schema) if _home(kind, field) is None)


def _home(kind: Kind, field: Field) -> tuple[str, Mapping[str, Any], Place] | None:
    """The seed, its spec with the field in it, and where it stands."""
    for name, seed in sorted(kind.seeds.items(), key=lambda pair: pair[0] != _CLAIMS.get(field.path, kind.name)):
        if field.path in present(seed, kind.schema):
            return name, seed, present(seed, kind.schema)[field.path]
    for name, seed in kind.seeds.items():
        try:
            spec = grown(seed, kind.schema, steps(field.path))
        except (NoSample, KeyError, TypeError):
            continue
        place = present(spec, kind.schema).get(field.path)
        if place is not None and not violations(spec, kind.schema):
            return name, spec, place
    return None


def _of(kind: Kind, field: Field) -> Iterator[Case]:
    home = _home(kind, field)
    if home is None:
        return
    seed, spec, place = home
    if spec != kind.seeds[seed]:
        yield _case(kind, seed, field, "set", place, spec)
    source = values if field.leaf else containers
    for name, changed in source.changes(get({"spec": spec}, place), field.schema):
        if changed is not ABSENT or isinstance(place[-1], str):
            yield _case(kind, seed, field, name, place, put({"spec": spec}, place, changed)["spec"])


def _specials(kind: Kind) -> Iterator[Case]:
    for seed, path, name, place, value in _SPECIALS:
        if seed in kind.seeds:
            field = next(each for each in crd.fields(kind.schema) if each.path == path)
            yield _case(kind, seed, field, name, ("spec", *place), put(kind.seeds[seed], place, value))


def _case(kind: Kind, seed: str, field: Field, name: str, place: Place, spec: Mapping[str, Any]) -> Case:
    found = violations(spec, kind.schema)
    expect = Expectation.REFUSED if found else Expectation.VALID
    return Case(seed, field.path, name, place, spec, expect, found)
