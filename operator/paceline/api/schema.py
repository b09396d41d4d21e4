"""From a pydantic model to a structural schema as Kubernetes wants it.

pydantic writes JSON Schema 2020-12; a CRD takes a part of OpenAPI 3.0. What is taken away or turned round here, and
why: $ref (not allowed: inlined), anyOf with null (nullable is not used: left out means left out), const (a one-value
enum), title (noise), additionalProperties: false (pruning does it), required for defaulted fields (contradiction),
defaults that are null or empty, and the type of int-or-string fields (Kubernetes wants anyOf instead).
"""

from __future__ import annotations

from typing import Any

from paceline.api.base import Model

Schema = dict[str, Any]

#: What left out means too.
_EMPTY: tuple[Any, ...] = (None, [], {})
_NOISE = frozenset({"title", "examples", "readOnly", "uniqueItems", "discriminator", "$defs"})
_ORDER = ("description", "type", "anyOf", "default", "enum", "required")
_RULE_ORDER = ("rule", "message", "messageExpression", "fieldPath", "reason")


def structural(model: type[Model]) -> Schema:
    """The schema of a model with all parts inlined.

    Raises:
        ValueError: the model uses something that a structural schema cannot say; the message names it.
    """
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(schema, schema.get("$defs", {}))


def _convert(node: Schema, definitions: dict[str, Schema]) -> Schema:
    node = _resolve(dict(node), definitions)
    if "anyOf" in node or "oneOf" in node or "allOf" in node:
        raise ValueError(f"a structural schema cannot hold this union: {node}")
    result = {key: value for key, value in node.items() if key not in _NOISE}
    if "const" in result:
        result["enum"] = [result.pop("const")]
    if result.get("x-kubernetes-int-or-string"):
        del result["type"]
        # maxLength and pattern hold for the string; an integer has neither.
        result["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if "default" in result:
        result["default"] = _without_empty(result["default"])
        if result["default"] in _EMPTY:
            del result["default"]
    if "patternProperties" in result:  # a map whose keys have a pattern, which cannot be said
        result["additionalProperties"] = next(iter(result.pop("patternProperties").values()))
    if isinstance(result.get("additionalProperties"), dict):
        result["additionalProperties"] = _convert(result["additionalProperties"], definitions)
        # What keys look like cannot be said; how many there are is bounded by maxProperties.
        result.pop("propertyNames", None)
    else:
        result.pop("additionalProperties", None)
    if "x-kubernetes-validations" in result:
        result["x-kubernetes-validations"] = [
            {key: rule[key] for key in sorted(rule, key=_RULE_ORDER.index)}
            for rule in result["x-kubernetes-validations"]
        ]
    if "items" in result:
        result["items"] = _convert(result["items"], definitions)
    if "properties" in result:
        result["properties"] = {k: _convert(v, definitions) for k, v in result["properties"].items()}
    if result.get("type") == "integer":
        result["format"] = "int64" if result.get("maximum", 0) > 2**31 - 1 else "int32"
    return {key: result[key] for key in sorted(result, key=_rank)}


def _resolve(node: Schema, definitions: dict[str, Schema]) -> Schema:
    """Inline a reference and drop null; what stands beside the reference wins over what it names."""
    choices = [choice for choice in node.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        del node["anyOf"]
        return _resolve({**choices[0], **node}, definitions)
    reference = node.pop("$ref", None)
    if reference is None:
        return node
    return _resolve({**definitions[reference.rpartition("/")[2]], **node}, definitions)


def _without_empty(value: Any) -> Any:
    return {k: _without_empty(v) for k, v in value.items() if v not in _EMPTY} if isinstance(value, dict) else value


def _rank(key: str) -> tuple[int, str]:
    last = {"properties": 1, "items": 1, "x-kubernetes-validations": 2}
    return (_ORDER.index(key) if key in _ORDER else len(_ORDER) + last.get(key, 0), key)
