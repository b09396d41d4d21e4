"""The cases: all fields, each with right and wrong changes, and new fields by themselves."""

from __future__ import annotations

import copy

import pytest

from tests.acto import cases, containers, crd, meaning, samples, values
from tests.acto.expectation import Expectation
from tests.acto.places import ABSENT, get, named, put, shown
from tests.acto.seeds import present, seeds
from tests.acto.verdict import defaulted, violations


def test_every_field_is_reached_by_a_seed_or_can_be_grown():
    assert cases.unreached() == (), "write a seed in tests/acto/seeds that has them"


def test_every_leaf_has_a_right_and_a_wrong_change_and_every_field_a_wrong_one():
    right, wrong = (
        {case.path for case in cases.cases() if case.expect is expect}
        for expect in (Expectation.VALID, Expectation.REFUSED)
    )
    assert crd.leaves() <= right
    assert {field.path for field in crd.fields()} <= wrong


@pytest.mark.parametrize("seed", seeds(), ids=lambda seed: seed.name)
def test_a_seed_can_be_carried_out(seed):
    assert meaning.misfits(defaulted(seed.spec, crd.spec_schema())) == ()


def test_every_value_of_every_enum_is_in_a_seed_or_tried_as_a_right_one():
    right = {(case.path, case.name) for case in cases.cases() if case.expect is Expectation.VALID}
    for field in crd.fields():
        stored = [{"spec": defaulted(seed.spec, crd.spec_schema())} for seed in seeds()]
        places = [present(each["spec"]).get(field.path) for each in stored]
        seen = [get(each, place) for each, place in zip(stored, places, strict=True) if place]
        for value in field.schema.get("enum", ()):
            known = value in seen or (field.path, f"is {value}") in right or "[]" in field.path
            assert known, f"{field.path}: write a seed in tests/acto/seeds that has {value}"


def test_what_is_ambiguous_stays_rare_and_is_of_cases_that_there_are():
    either = [case for case in cases.cases() if case.expect is Expectation.EITHER]
    assert len(either) * 50 < len(cases.cases())
    named = {(path, case.name) for case in either for path in (case.path, cases.ANY)}
    assert cases.ambiguous() <= named


def test_a_case_changes_its_place_and_nothing_else():
    for case in cases.cases()[::17]:
        seed = next(each for each in seeds() if each.name == case.seed)
        if get({"spec": seed.spec}, case.place[:-1]) is ABSENT or case.name == "set":
            continue
        value = get({"spec": seed.spec}, case.place)
        assert put({"spec": case.spec}, case.place, value)["spec"] == seed.spec or value is ABSENT, case.id


def test_a_field_is_tried_on_the_seed_that_claims_it_or_on_one_that_claims_nothing():
    homes = {field.path: cases.home(field)[0] for field in crd.fields()}
    assert homes["spec.replicas"].name == "custom"
    assert homes["spec.model.uri"].name == "simulator"
    assert homes["spec.engine.batching.static.batchSize"].name == "static"
    assert homes["spec.model.secretRef.key"].name == "vllm"
    assert homes["spec.model.file"].name == "llamacpp"
    for path, seed in homes.items():
        others = [each for each in seeds() if each.claim(path) > seed.claim(path)]
        assert not [each.name for each in others if path in present(each.spec)], path


@pytest.mark.parametrize("seed", seeds(), ids=lambda seed: seed.name)
def test_a_field_is_also_tried_on_the_seeds_that_ask_for_it(seed):
    made = {case.path for case in cases.cases() if case.seed == seed.name}
    assert set(seed.also) <= made
    assert set(seed.also) <= set(present(seed.spec))


def test_every_seed_has_cases_that_are_carried_out():
    assert {case.seed for case in cases.cases() if case.admitted} == {seed.name for seed in seeds()}


def changes_of(value, **schema):
    return dict(values.changes(value, schema))


def test_a_number_is_tried_at_and_beyond_its_bounds():
    made = changes_of(3, type="integer", minimum=1, maximum=9)
    assert (made["minimum"], made["below minimum"], made["maximum"], made["above maximum"]) == (1, 0, 9, 10)


def test_a_text_is_tried_at_and_beyond_its_length_and_at_those_of_kubernetes():
    made = changes_of("a", type="string", maxLength=7)
    assert (len(made["longest"]), len(made["too long"])) == (7, 8)
    assert [len(made[f"{length} characters"]) for length in values.LENGTHS] == list(values.LENGTHS)


def test_every_value_of_an_enum_is_tried_and_one_that_is_none():
    made = changes_of("A", type="string", enum=["A", "B"])
    assert {"A", "B", "Bogus"} <= set(map(str, made.values()))


def test_a_switch_is_turned():
    assert changes_of(True, type="boolean")["toggled"] is False


def test_a_quantity_is_tried_as_a_number_and_as_text():
    made = changes_of("1", **{"x-kubernetes-int-or-string": True})
    assert (made["integer"], made["text"]) == (1, "1")
    assert "1e309" in made.values()


def test_a_list_is_pushed_popped_and_doubled():
    schema = {"type": "array", "maxItems": 3, "items": {"type": "string"}}
    made = dict(containers.changes(["a", "b"], schema))
    assert made["popped"] == ["a"]
    assert made["duplicated"] == ["a", "b", "a"]
    assert len(made["pushed"]) == len(set(made["pushed"])) == 3
    assert (len(made["most items"]), len(made["too many items"])) == (3, 4)


def test_a_map_is_tried_with_the_longest_keys():
    schema = {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "string"}}
    made = dict(containers.changes({"example.com/a": "1"}, schema))
    assert len(made["most entries"]) == 2
    assert len(made["too many entries"]) == 3
    assert [meaning.qualified(containers.KEYS[name]) for name in ("key of 63", "key of 64")] == [True, False]
    assert [meaning.qualified(containers.KEYS[f"domain of {size}"]) for size in (253, 254)] == [True, False]


def test_a_new_field_gets_cases_without_a_seed(monkeypatch):
    schema = copy.deepcopy(crd.spec_schema())
    schema["properties"]["model"]["properties"]["shelf"] = {
        "type": "object",
        "required": ["size"],
        "properties": {
            "size": {"type": "string", "maxLength": 9, "pattern": "^[0-9]+Gi$"},
            "names": {"type": "array", "items": {"type": "string", "maxLength": 9}},
        },
    }
    monkeypatch.setattr(cases, "spec_schema", lambda: schema)
    monkeypatch.setattr(cases, "present", lambda spec: present(spec, schema))
    field = next(each for each in crd.fields(schema) if each.path == "spec.model.shelf.names[]")
    seed, spec, place = cases.home(field)
    assert place == ("spec", "model", "shelf", "names", 0)
    assert spec["model"]["shelf"]["size"] == "1Gi"
    assert "shelf" not in seed.spec["model"]
    assert not violations(spec, schema)


def test_growing_one_member_of_a_union_takes_the_other_away():
    schema = {
        "properties": {
            "type": {"type": "string", "enum": ["Left", "Right"]},
            "left": {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}},
            "right": {"type": "object", "properties": {"b": {"type": "integer", "minimum": 2}}},
        }
    }
    assert samples.grown({"type": "Left", "left": {"a": 1}}, schema, ("right", "b")) == {
        "type": "Right",
        "right": {"b": 2},
    }


def test_a_pattern_that_no_word_fits_is_said():
    with pytest.raises(samples.NoSample, match=r"samples\.py"):
        samples.sample({"type": "string", "pattern": "^zzz[0-9]{7}$"})


def test_each_turn_takes_another_part_until_all_were_there():
    every = cases.cases()
    parts = [cases.chosen(every, turn, 500) for turn in range(-(-len(every) // 500))]
    assert sorted(case.id for part in parts for case in part) == sorted(case.id for case in every)
    assert cases.chosen(every, 1, 500) == parts[1]
    assert all(len(part) <= 500 for part in parts)


def test_ids_are_unique_and_the_same_in_each_run():
    every = [case.id for case in cases.cases()]
    assert len(every) == len(set(every))


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (("spec", "env", 0, "name"), 'spec.env[0].name: Invalid value: "x"'),
        (("spec", "env", 0, "value"), '.spec.env[name="A"].value: expected string'),
        (("spec", "labels", "example.com/a"), "spec.labels[example.com/a]: Too long"),
        (("spec", "labels", "example.com/a"), ".spec.labels.example.com/a: expected string"),
        (("spec", "env", 2), ".spec.env: element 2: associative list with keys may not have a null element"),
        (("spec", "env", 2, "name"), '.spec.env: element 2: an element that omits all key fields ["name"]'),
        (("spec", "bogus"), 'unknown field "spec.bogus"'),
    ],
)
def test_a_place_is_recognised_however_it_is_written(place, words):
    assert named(place, words)


def test_another_place_is_not_recognised():
    assert not named(("spec", "env", 0, "name"), "spec.env[0].value: Invalid value")
    assert shown(("spec", "env", 0, "name")) == "spec.env[0].name"
