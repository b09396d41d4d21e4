"""The rules of Kubernetes' API conventions that can be checked on the CRDs (those of kube-api-linter, and ours)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.acto import cel

ROOT = Path(__file__).resolve().parents[2]
CRDS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))}
#: Where a Node is: its path such as spec.engine.args[], and its schema.
Node = tuple[str, dict[str, Any]]

FORBIDDEN = {
    "$ref",
    "$defs",
    "title",
    "examples",
    "const",
    "oneOf",
    "allOf",
    "nullable",
    "uniqueItems",
    "readOnly",
    "discriminator",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "x-kubernetes-preserve-unknown-fields",
    "propertyNames",
}
#: Types of Kubernetes' own, whose lists have no key and are replaced whole.
KUBERNETES_OWN = ("spec.template.affinity", "spec.template.tolerations", "spec.allowedConsumers.selector")
#: Lists of references, whose items have no name of their own.
REFERENCES = ("spec.gatewayRefs", "spec.sharedWith")
#: Questions that will never have a third answer.
BOOLEANS = {"spec.suspended"}
#: Words that YAML 1.1, and so kubectl, reads as true, false or null where they are not quoted.
YAML_READS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
STANDARD_CONDITION = ["type", "status", "observedGeneration", "lastTransitionTime", "reason", "message"]


def schema_of(crd: dict[str, Any]) -> dict[str, Any]:
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def walk(path: str, node: dict[str, Any]) -> Iterator[Node]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from walk(f"{path}.{name}" if path else name, child)
    if "items" in node:
        yield from walk(f"{path}[]", node["items"])
    if "additionalProperties" in node:
        yield from walk(f"{path}{{}}", node["additionalProperties"])


def fields() -> list[Any]:
    """Every field of spec and status of every CRD."""
    return [
        pytest.param(path, node, id=f"{name.partition('.')[0]}:{path}")
        for name, crd in CRDS.items()
        for part in ("spec", "status")
        for path, node in walk(part, schema_of(crd)["properties"][part])
    ]


each_crd = pytest.mark.parametrize("crd", CRDS.values(), ids=list(CRDS))
each_field = pytest.mark.parametrize(("path", "node"), fields())


def test_there_are_crds():
    assert CRDS


@each_crd
def test_the_crd_is_named_and_scoped_as_the_design_says(crd):
    names = crd["spec"]["names"]
    assert crd["metadata"]["name"] == f"{names['plural']}.paceline.dev"
    assert crd["spec"]["scope"] == "Namespaced"
    assert names["categories"] == ["paceline"]
    assert 1 <= len(names["shortNames"]) <= 2
    assert names["plural"] == names["plural"].lower()


@each_crd
def test_one_version_is_stored_and_has_a_status_subresource(crd):
    versions = crd["spec"]["versions"]
    assert [v["storage"] for v in versions].count(True) == 1
    assert all("status" in v["subresources"] for v in versions)


@each_crd
def test_scale_paths_name_fields_that_exist(crd):
    version = crd["spec"]["versions"][0]
    root = schema_of(crd)
    paths = version["subresources"].get("scale", {})
    for path in paths.values():
        node = root
        for part in path.strip(".").split("."):
            node = node["properties"][part]
    if paths:
        assert "default" in root["properties"]["spec"]["properties"]["replicas"]


@each_crd
def test_columns_print_stored_fields_and_stay_few(crd):
    columns = crd["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [c["name"] for c in columns if c["type"] == "date"] == ["AGE"]
    root = schema_of(crd)
    for column in columns:
        path = column["jsonPath"]
        if path.startswith(".metadata."):
            continue
        parts = re.sub(r"\[\?\(@\.type==\"[A-Z][A-Za-z]+\"\)\]", ".[]", path).strip(".").split(".")
        node = root
        for part in parts:
            node = node["items"] if part == "[]" else node["properties"][part]
        assert column["type"] == node["type"], column["name"]


@each_crd
def test_only_the_usual_fields_are_at_the_top(crd):
    assert set(schema_of(crd)["properties"]) == {"apiVersion", "kind", "metadata", "spec", "status"}


@each_crd
def test_conditions_are_the_standard_ones_and_come_first(crd):
    status = schema_of(crd)["properties"]["status"]["properties"]
    assert next(iter(status)) == "conditions"
    conditions = status["conditions"]
    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert sorted(conditions["items"]["properties"]) == sorted(STANDARD_CONDITION)
    assert sorted(conditions["items"]["required"]) == sorted(STANDARD_CONDITION)
    assert "phase" not in status


@each_crd
def test_status_fields_are_optional(crd):
    assert "required" not in schema_of(crd)["properties"]["status"]


@each_crd
def test_the_root_rule_keeps_names_short_enough_for_children(crd):
    rule = schema_of(crd)["x-kubernetes-validations"][0]
    assert "self.metadata.name.size() <= 52" in rule["rule"]
    assert rule["fieldPath"] == ".metadata.name"


@each_crd
def test_the_crd_fits_into_one_request_of_etcd_many_times(crd):
    assert len(yaml.safe_dump(crd)) < 256 * 1024


@each_field
def test_the_schema_is_structural(path, node):
    assert not FORBIDDEN & set(node)
    if node.get("x-kubernetes-int-or-string"):
        assert node["anyOf"] == [{"type": "integer"}, {"type": "string"}]
        assert "type" not in node
    else:
        assert "anyOf" not in node
        assert node["type"] in {"object", "array", "string", "integer", "boolean"}
    assert node.get("additionalProperties") is not False


@each_field
def test_every_description_begins_with_the_fields_name(path, node):
    name = path.rpartition(".")[2]
    if not name.endswith(("[]", "{}")):
        assert node["description"].startswith(f"{name} "), path
        assert node["description"].endswith("."), path


@each_field
def test_names_are_camel_case_and_say_their_unit(path, node):
    name = path.rpartition(".")[2].removesuffix("[]").removesuffix("{}")
    assert re.fullmatch(r"[a-z][a-zA-Z0-9]*", name), path
    assert not name.endswith(("Timestamp", "Duration", "Millis", "Secs", "Sec", "Ms")), path


@each_field
def test_everything_is_bounded(path, node):
    kind = node.get("type")
    if kind == "string" and "enum" not in node:
        assert node["maxLength"] > 0, path
    if kind == "integer":
        assert {"minimum", "maximum", "format"} <= set(node), path
        assert -(2**53) <= node["minimum"] <= node["maximum"] <= 2**53, path
    if kind == "array":
        assert node["maxItems"], path
    if kind == "object" and "properties" not in node:
        assert node["maxProperties"], path
    if node.get("x-kubernetes-int-or-string"):
        assert node["pattern"], path
        assert node["maxLength"], path
        # The pattern binds texts only.
        assert node.get("minimum", -1) >= 0 or path.startswith("status"), path


@each_field
def test_there_are_no_floats_and_booleans_are_rare(path, node):
    assert node.get("type") != "number", path
    assert node.get("type") != "boolean" or path in BOOLEANS, path


@each_field
def test_lists_say_how_they_are_merged(path, node):
    if node.get("type") != "array":
        return
    merged = node["x-kubernetes-list-type"]
    if node["items"].get("type") == "object" and path.startswith((*KUBERNETES_OWN, *REFERENCES)):
        assert merged == "atomic", path
    elif node["items"].get("type") == "object":
        assert merged == "map", path
        assert set(node["x-kubernetes-list-map-keys"]) <= set(node["items"]["required"]), path
    else:
        assert merged in {"atomic", "set"}, path


@each_field
def test_defaulted_fields_are_not_required_and_defaults_are_whole(path, node):
    for name, child in node.get("properties", {}).items():
        if "default" in child:
            assert name not in node.get("required", []), f"{path}.{name}"
            assert not path.startswith("status"), f"{path}.{name}: status has no defaults"
        if isinstance(child.get("default"), dict):
            leaves = {n for n, c in child["properties"].items() if "default" in c}
            assert leaves == set(child["default"]), f"{path}.{name}"


@each_field
def test_enums_are_words_in_camel_case(path, node):
    for value in node.get("enum", []):
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", value), path


@each_field
def test_no_name_and_no_value_means_something_else_in_yaml(path, node):
    assert not YAML_READS & node.get("properties", {}).keys(), path
    if path.startswith("spec"):
        assert not YAML_READS & {str(value).lower() for value in node.get("enum", [])}, path


@each_field
def test_rules_say_what_must_be_and_not_what_should(path, node):
    for rule in node.get("x-kubernetes-validations", []):
        words = rule.get("message", "") + rule.get("messageExpression", "")
        assert "should" not in words, path
        assert re.search(r"must|may not|needs", words), path
        assert node["type"] != "object" or "additionalProperties" in node or rule["fieldPath"], path


@each_field
def test_rules_keep_to_the_part_of_cel_that_the_tests_can_evaluate(path, node):
    for rule in node.get("x-kubernetes-validations", []):
        assert all(cel.parse(rule[part]) for part in ("rule", "messageExpression") if part in rule), path


@each_field
def test_unions_have_a_type_and_a_rule_for_each_member(path, node):
    enum = node.get("properties", {}).get("type", {}).get("enum", [])
    named = {name for value in enum for name in (value[0].lower() + value[1:], value.lower())}
    members = named & set(node.get("properties", {}))
    rules = " ".join(rule["rule"] for rule in node.get("x-kubernetes-validations", []))
    if path == "spec.engine":
        return  # its member `custom` depends on model.uri, so the rule stands at spec
    assert all(f"has(self.{member})" in rules for member in members), path
