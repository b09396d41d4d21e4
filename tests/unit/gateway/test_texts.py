"""Prompts and schemas of ConfigMaps: there and usable, or told."""

from __future__ import annotations

import pytest

from paceline.api.references import ConfigMapKey
from paceline.api.route_spec import PromptVersion
from paceline.gateway import texts
from paceline.gateway.check import MAX_PROMPT_BYTES
from paceline.gateway.ir import Prompt
from paceline.gateway.unresolved import Unresolved
from tests.support.gateways import gateway, route

PROMPT = PromptVersion(name="prompts", version=7)
SCHEMA = ConfigMapKey(name="schemas", key="a.json")


def test_what_a_gateway_needs_of_config_maps_is_known_before_they_are_read():
    made = gateway(
        {
            "routes": [
                route(promptRef={"name": "prompts", "version": 7}),
                route(model="b", responseSchemaRef={"name": "schemas", "key": "a.json"}),
                route(model="c"),
            ]
        }
    )
    assert texts.wanted(made) == {("prompts", "v7"), ("schemas", "a.json")}


def test_a_prompt_is_known_by_its_name_and_version():
    assert texts.prompt(PROMPT, {("prompts", "v7"): "Be kind."}) == Prompt("prompts@7", "Be kind.")
    assert texts.prompt(None, {}) is None


@pytest.mark.parametrize("text", ["é" * (MAX_PROMPT_BYTES // 2), "x" * MAX_PROMPT_BYTES])
def test_a_prompt_is_bounded_by_its_bytes(text):
    assert texts.prompt(PROMPT, {("prompts", "v7"): text})
    with pytest.raises(Unresolved) as found:
        texts.prompt(PROMPT, {("prompts", "v7"): text + "x"})
    assert found.value.reason.name == "ReferenceInvalid"


def test_another_version_is_not_there():
    with pytest.raises(Unresolved, match="v7") as found:
        texts.prompt(PROMPT, {("prompts", "v6"): "x"})
    assert found.value.reason.name == "ReferenceMissing"


def test_a_schema_is_kept_as_it_is_written():
    text = '{"type":  "object"}'
    assert texts.schema(SCHEMA, {("schemas", "a.json"): text}) == text
    assert texts.schema(None, {}) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}',
        '{"properties": {"$ref": {"type": "string"}}, "const": {"$ref": "https://example.com"}}',
    ],
)
def test_references_within_a_schema_and_data_that_look_like_some_are_right(text):
    assert texts.schema(SCHEMA, {("schemas", "a.json"): text}) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("[]", "JSON object"),
        ("true", "JSON object"),
        ('{"type": "thing"}', "type"),
        ('{"properties": {"a": {"minimum": "x"}}}', "properties.a.minimum"),
        ("[" * 60_000, "nested"),
        ('{"$schema": "http://json-schema.org/draft-04/schema#", "minimum": "x"}', "minimum"),
        ('{"not": ' * 300 + "7" + "}" * 300, ""),
        ('{"$ref": "https://example.com/a.json"}', "example.com"),
        ('{"anyOf": [{"$dynamicRef": "b.json#x"}]}', "within it"),
        (f'{{"title": "{"x" * 65_536}"}}', "65536 bytes"),
    ],
)
def test_what_is_no_schema_is_told_with_its_place(text, words):
    with pytest.raises(Unresolved, match="ConfigMap schemas, key a") as found:
        texts.schema(SCHEMA, {("schemas", "a.json"): text})
    assert found.value.reason.name == "ReferenceInvalid"
    assert words in found.value.message
