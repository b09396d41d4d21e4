"""What the API server must find wrong: from the schema alone."""

from __future__ import annotations

import pytest

from tests.acto.crd import spec_schema
from tests.acto.seeds import seeds
from tests.acto.verdict import defaulted, violations

SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^[a-z]+$"},
        "count": {"type": "integer", "minimum": 1, "maximum": 4, "default": 2},
        "kind": {"type": "string", "enum": ["A", "B"]},
        "list": {
            "type": "array",
            "maxItems": 2,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        },
        "map": {"type": "object", "maxProperties": 1, "additionalProperties": {"type": "string"}},
        "size": {"x-kubernetes-int-or-string": True, "pattern": "^[0-9]+$", "maxLength": 4},
    },
    "x-kubernetes-validations": [
        {"rule": "self.count < 4 || self.name == 'abc'", "message": "must be less than 4", "fieldPath": ".count"}
    ],
}


def found(**changes):
    return [(each.place, each.kind) for each in violations({"name": "abc", **changes}, SCHEMA)]


@pytest.mark.parametrize(
    ("changes", "place", "kind"),
    [
        ({"name": None}, ("name",), "required"),
        ({"name": ""}, ("name",), "length"),
        ({"name": "abcd"}, ("name",), "length"),
        ({"name": "ab\n"}, ("name",), "pattern"),
        ({"name": 1}, ("name",), "type"),
        ({"count": 0}, ("count",), "range"),
        ({"count": 5}, ("count",), "range"),
        ({"count": True}, ("count",), "type"),
        ({"count": 1.5}, ("count",), "type"),
        ({"kind": "C"}, ("kind",), "enum"),
        ({"list": [{"name": "a"}] * 2}, ("list",), "duplicate"),
        ({"list": [{"name": each} for each in "abc"]}, ("list",), "items"),
        ({"list": [{}]}, ("list", 0, "name"), "required"),
        ({"list": {}}, ("list",), "type"),
        ({"map": {"a": "1", "b": "2"}}, ("map",), "items"),
        ({"map": {"a": 1}}, ("map", "a"), "type"),
        ({"size": "1x"}, ("size",), "pattern"),
        ({"size": [1]}, ("size",), "type"),
        ({"other": 1}, ("other",), "unknown"),
    ],
)
def test_what_is_wrong_is_found_where_it_stands(changes, place, kind):
    assert (("spec", *place), kind) in found(**changes)


def test_nothing_is_wrong_with_what_the_schema_allows():
    assert found(count=4, kind="A", list=[{"name": "a"}], map={"a": "1"}, size=7) == []


def test_null_is_read_as_left_out_only_where_there_is_a_default():
    assert found(count=None) == []
    assert found(kind=None) == [(("spec", "kind"), "type")]


def test_a_rule_is_broken_with_its_words_at_the_place_it_names():
    (broken,) = violations({"name": "ab", "count": 4}, SCHEMA)
    assert (broken.place, broken.kind, broken.words) == (("spec", "count"), "rule", "must be less than 4")


def test_rules_see_defaults():
    assert defaulted({"name": "ab"}, SCHEMA) == {"name": "ab", "count": 2}
    assert not violations({"name": "ab"}, SCHEMA)


def test_a_rule_without_a_value_is_broken():
    schema = {"type": "object", "properties": {}, "x-kubernetes-validations": [{"rule": "self.a == 1"}]}
    assert [each.kind for each in violations({}, schema)] == ["rule"]


@pytest.mark.parametrize("seed", seeds(), ids=lambda seed: seed.name)
def test_nothing_is_wrong_with_a_seed(seed):
    assert violations(seed.spec, spec_schema()) == ()
