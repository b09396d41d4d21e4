"""JSON mode, JSON schemas and tool calls with the official client."""

import json

import jsonschema
import pytest
from openai import BadRequestError

from tests.support.enginesim import MODEL, Running

ASK = [{"role": "user", "content": "What is the weather in the harbour?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a place",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
            "required": ["place", "unit"],
            "additionalProperties": False,
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "read_clock"}}

SCHEMAS = {
    "nested": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 3, "maxLength": 9},
            "age": {"type": "integer", "minimum": 18, "exclusiveMaximum": 21},
            "share": {"type": "number", "minimum": 0, "maximum": 0.005},
            "step": {"type": "number", "multipleOf": 0.5, "minimum": 1.2, "maximum": 2},
            "tags": {"type": "array", "items": {"type": "boolean"}, "minItems": 3, "maxItems": 3},
            "kind": {"enum": ["a", "b"]},
            "nothing": {"type": "null"},
            "when": {"type": "string", "format": "date-time"},
            "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        },
        "required": ["name", "age", "share", "tags", "kind", "nothing", "when"],
        "additionalProperties": False,
    },
    "recursive": {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "value": {"type": "integer"},
                    "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
                "required": ["value", "next"],
            }
        },
        "$ref": "#/$defs/node",
    },
    "all of": {
        "allOf": [
            {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]},
            {"properties": {"b": {"type": "string"}}, "required": ["b"]},
            True,
        ]
    },
    "unique": {
        "type": "array",
        "items": {"type": "integer", "minimum": 1, "maximum": 2},
        "minItems": 2,
        "uniqueItems": True,
    },
    "tuple": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 3},
    "open object": {"type": "object", "minProperties": 2, "required": ["x"]},
    "a list of types": {"type": ["number", "null"], "exclusiveMinimum": 3, "exclusiveMaximum": 4},
    "below": {"type": "integer", "maximum": -5},
    "anything": True,
    "counts with a point": {
        "type": "object",
        "minProperties": 2.0,
        "properties": {
            "text": {"type": "string", "minLength": 5.0, "maxLength": 6.0},
            "list": {"type": "array", "minItems": 2.0, "maxItems": 3.0},
        },
    },
}
NAMES = {"type": "object", "minProperties": 1}
DEEP: dict[str, object] = {}
for _ in range(300):
    DEEP = {"type": "object", "properties": {"a": DEEP}, "required": ["a"]}

HOPELESS = {
    "no choice": {"enum": []},
    "a reference to nowhere": {**NAMES, "propertyNames": {"$ref": "#/nowhere"}},
    "a reference to another server": {**NAMES, "propertyNames": {"$ref": "http://127.0.0.1:9/x"}},
    "a reference to no schema": {**NAMES, "propertyNames": {"$ref": "#/title"}, "title": "x"},
    "a dynamic reference to nowhere": {"$dynamicRef": "#x"},
    "many levels": DEEP,
    "a tiny step": {"type": "number", "multipleOf": 1e-320},
    "many items": {"type": "array", "minItems": 10**8},
    "many items of many": {"type": "array", "minItems": 500, "items": {"type": "array", "minItems": 500}},
    "many properties": {"type": "object", "minProperties": 10**8},
    "a long text": {"type": "string", "minLength": 10**12},
    "a long constant many times": {"type": "array", "minItems": 100, "items": {"const": "x" * 1000}},
    "long names many times": {"type": "array", "minItems": 100, "items": {"type": "object", "required": ["x" * 1000]}},
}


def shape(schema: object) -> dict[str, object]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}


async def test_json_mode_answers_with_an_object(server: Running):
    async with server.client() as client:
        answer = await client.chat.completions.create(
            model=MODEL, messages=ASK, response_format={"type": "json_object"}
        )
        text = await client.completions.create(
            model=MODEL, prompt="x", max_tokens=200, extra_body={"response_format": {"type": "json_object"}}
        )
    assert isinstance(json.loads(answer.choices[0].message.content), dict)
    assert answer.choices[0].finish_reason == "stop"
    assert isinstance(json.loads(text.choices[0].text), dict)


@pytest.mark.parametrize("name", SCHEMAS)
async def test_answers_are_valid_under_their_schema(server: Running, name):
    async with server.client() as client:
        for seed in range(3):
            answer = await client.chat.completions.create(
                model=MODEL, messages=ASK, response_format=shape(SCHEMAS[name]), seed=seed
            )
            value = json.loads(answer.choices[0].message.content)
            jsonschema.Draft202012Validator(SCHEMAS[name]).validate(value)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "owl"}, "response_format.json_schema.schema is not a JSON schema: 'owl'"),
        ({"$ref": "#/nowhere"}, "points nowhere"),
        ({"$ref": "https://example.com/x"}, "points outside of the schema"),
        ({"$ref": "#/title", "title": "x"}, "points to no schema"),
        ({"$ref": "#"}, "needs itself without end"),
        ({"not": {}}, "simplify it"),
        ({"type": "string", "pattern": "^[0-9]{4}$"}, "simplify it"),
        ({"type": "integer", "minimum": 1, "maximum": 5, "multipleOf": 7}, "no multiple of 7 between 1 and 5"),
        (False, "a schema is false"),
        ({"allOf": [False]}, "a schema is false"),
        *((schema, "simplify it") for schema in HOPELESS.values()),
        ({"not": {"const": "x" * 1000, "title": "y" * 1000}, "const": "x" * 1000}, "..."),
    ],
)
async def test_schemas_that_cannot_be_met_are_400(server: Running, schema, words):
    async with server.client() as client:
        with pytest.raises(BadRequestError) as caught:
            await client.chat.completions.create(model=MODEL, messages=ASK, response_format=shape(schema))
    assert words in caught.value.body["message"]


async def test_numbers_that_json_does_not_have_are_400(server: Running):
    schemas = ('{"type": "number", "minimum": NaN}', '{"const": 1e999}', '{"type": "integer", "maximum": -Infinity}')
    async with server.http() as http:
        for schema in schemas:
            content = json.dumps({"model": MODEL, "prompt": "x", "response_format": shape("SCHEMA")})
            answer = await http.post("/v1/completions", content=content.replace('"SCHEMA"', schema))
            assert answer.status_code == 400
            assert "simplify it" in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", HOPELESS)
async def test_tools_whose_parameters_cannot_be_made_are_400(server: Running, name):
    tool = {"type": "function", "function": {"name": "f", "parameters": HOPELESS[name]}}
    async with server.client() as client:
        with pytest.raises(BadRequestError, match=r"tools\.f\.parameters asks for more|shorten the prompt"):
            await client.chat.completions.create(model=MODEL, messages=ASK, tools=[tool], tool_choice="required")


async def test_a_matching_tool_is_called_with_valid_arguments(server: Running):
    async with server.client() as client:
        answer = await client.chat.completions.create(model=MODEL, messages=ASK, tools=[CLOCK, WEATHER])
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    call = choice.message.tool_calls[0]
    assert call.function.name == "get_weather"
    jsonschema.validate(json.loads(call.function.arguments), WEATHER["function"]["parameters"])


async def test_a_streamed_tool_call_has_its_name_first_and_its_arguments_in_pieces(server: Running):
    async with server.client() as client:
        stream = await client.chat.completions.create(model=MODEL, messages=ASK, tools=[WEATHER], stream=True)
        chunks = [chunk async for chunk in stream]
    first = chunks[0].choices[0].delta.tool_calls[0]
    assert first.function.name == "get_weather"
    assert first.id
    pieces = [chunk.choices[0].delta.tool_calls[0].function.arguments for chunk in chunks[:-1]]
    jsonschema.validate(json.loads("".join(pieces)), WEATHER["function"]["parameters"])
    assert len(pieces) > 3
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


async def test_tool_choice_is_obeyed(server: Running):
    async with server.client() as client:

        async def called(choice: object, messages: list[dict[str, object]] = ASK) -> list[str]:
            answer = await client.chat.completions.create(
                model=MODEL, messages=messages, tools=[WEATHER, CLOCK], tool_choice=choice
            )
            return [call.function.name for call in answer.choices[0].message.tool_calls or ()]

        assert await called("none") == []
        assert await called({"type": "function", "function": {"name": "read_clock"}}) == ["read_clock"]
        assert await called("required", [{"role": "user", "content": "x"}]) == ["get_weather"]
        assert await called("auto", [{"role": "user", "content": "Tell me a story."}]) == []
        assert await called("auto", [{"role": "system", "content": "weather"}]) == []
        parts = [{"type": "text", "text": "And the weather?"}]
        assert await called("auto", [{"role": "user", "content": parts}]) == ["get_weather"]


async def test_an_answered_tool_call_is_followed_by_words(server: Running):
    call = {"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    messages = [
        *ASK,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "12 degrees"},
    ]
    async with server.client() as client:
        answer = await client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content
    assert answer.choices[0].message.tool_calls is None


async def test_an_unknown_tool_choice_names_the_tools(server: Running):
    choice = {"type": "function", "function": {"name": "fly"}}
    async with server.client() as client:
        with pytest.raises(BadRequestError, match="'fly': the tools are get_weather"):
            await client.chat.completions.create(model=MODEL, messages=ASK, tools=[WEATHER], tool_choice=choice)


async def test_a_tool_call_that_is_cut_short_says_length(server: Running):
    async with server.client() as client:
        answer = await client.chat.completions.create(
            model=MODEL, messages=ASK, tools=[WEATHER], tool_choice="required", max_tokens=2
        )
    assert answer.choices[0].finish_reason == "length"
