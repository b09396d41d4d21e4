"""All cases: every field of the schema, changed in every way, on a seed that has it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.acto import containers, values
from tests.acto.crd import Field, fields, spec_schema
from tests.acto.expectation import Expectation
from tests.acto.meaning import misfits
from tests.acto.places import ABSENT, Place, put
from tests.acto.samples import NoSample, grown, steps
from tests.acto.seeds import Seed, present, seeds
from tests.acto.special import specials
from tests.acto.verdict import Violation, defaulted, violations

#: In either.yaml, for a field: every one.
ANY = "*"


@dataclass(frozen=True)
class Case:
    """One change of one place.

    Attributes:
        seed: Name of the seed, and of the object that is changed.
        path: The field, as the schema has it.
        name: Of the change.
        place: Where it is made.
        spec: The changed spec.
        expect: What must come of it.
        violations: What the API server must find; empty where it takes the object.
        reason: Of the condition that must come; "" for any specific one.
    """

    seed: str
    path: str
    name: str
    place: Place
    spec: Mapping[str, Any]
    expect: Expectation
    violations: tuple[Violation, ...] = ()
    reason: str = ""

    @property
    def id(self) -> str:
        """Unique among all cases, and the same in each run."""
        return f"{self.seed}: {self.path}: {self.name}"

    @property
    def admitted(self) -> bool:
        """The API server must store it, so that the operator sees it."""
        return not self.violations


@cache
def cases() -> tuple[Case, ...]:
    """Every case."""
    made: dict[str, Case] = {}
    for field in fields():
        for case in _of(field):
            made[case.id] = case
    for case in _specials():
        made[case.id] = case
    return tuple(made.values())


@cache
def ambiguous() -> frozenset[tuple[str, str]]:
    """Pairs of field and change of which schema and rules do not say whether they are right."""
    entries = yaml.safe_load((Path(__file__).parent / "either.yaml").read_text())
    return frozenset((entry["field"], name) for entry in entries for name in entry["changes"])


def unreached() -> tuple[str, ...]:
    """Fields that no seed has and for which none could be grown; a seed must be written for each."""
    return tuple(field.path for field in fields() if home(field) is None)


def home(field: Field) -> tuple[Seed, Mapping[str, Any], Place] | None:
    """The seed on which a field is tried, its spec with the field in it, and where it stands."""
    order = sorted(seeds(), key=lambda seed: (-seed.claim(field.path), bool(seed.claims)))
    for seed in order:
        if field.path in present(seed.spec):
            return seed, seed.spec, present(seed.spec)[field.path]
    for seed in order:
        try:
            spec = grown(seed.spec, spec_schema(), steps(field.path))
        except (NoSample, KeyError, TypeError):
            continue
        place = present(spec).get(field.path)
        if place is not None and not violations(spec, spec_schema()):
            return seed, spec, place
    return None


def homes(field: Field) -> tuple[tuple[Seed, Mapping[str, Any], Place], ...]:
    """Every seed on which a field is tried: its home, and those that ask for it."""
    first = home(field)
    if first is None:
        return ()
    others = [seed for seed in seeds() if field.path in seed.also and seed.name != first[0].name]
    return (first, *((seed, seed.spec, present(seed.spec)[field.path]) for seed in others))


def chosen(every: Iterable[Case], rotation: int, most: int) -> tuple[Case, ...]:
    """A part of the cases: each turn of `rotation` another, until all were there."""
    ordered = sorted(every, key=lambda case: hashlib.sha256(case.id.encode()).digest())
    parts = max(1, -(-len(ordered) // most))
    return tuple(ordered[rotation % parts :: parts])


def _of(field: Field) -> Iterator[Case]:
    for seed, spec, place in homes(field):
        yield from _on(field, seed, spec, place)


def _on(field: Field, seed: Seed, spec: Mapping[str, Any], place: Place) -> Iterator[Case]:
    value = _at(spec, place)
    if spec != seed.spec:  # the seed itself has it not, so that it comes is a change too
        yield _case(seed.name, field.path, "set", place, spec)
    source = values if field.leaf else containers
    for name, changed in source.changes(value, field.schema):
        if changed is not ABSENT or isinstance(place[-1], str):
            yield _case(seed.name, field.path, name, place, put({"spec": spec}, place, changed)["spec"])


def _at(spec: Mapping[str, Any], place: Place) -> Any:
    value: Any = {"spec": spec}
    for step in place:
        value = value[step]
    return value


def _case(seed: str, path: str, name: str, place: Place, spec: Mapping[str, Any]) -> Case:
    found = violations(spec, spec_schema())
    if (ANY, name) in ambiguous() or (path, name) in ambiguous():
        return Case(seed, path, name, place, spec, Expectation.EITHER, found)
    wrong = bool(found or misfits(defaulted(spec, spec_schema())))
    return Case(seed, path, name, place, spec, Expectation.REFUSED if wrong else Expectation.VALID, found)


def _specials() -> Iterator[Case]:
    known = {field.path for field in fields()}
    by_name = {seed.name: seed for seed in seeds()}
    for each in specials():
        if each.path not in known or each.seed not in by_name:
            continue
        spec = put({"spec": by_name[each.seed].spec}, each.place, each.value)["spec"]
        found = violations(spec, spec_schema())
        yield Case(each.seed, each.path, each.name, each.place, spec, each.expect, found, each.reason)
