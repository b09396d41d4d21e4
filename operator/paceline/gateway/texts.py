"""What routes take from ConfigMaps of the Gateway's namespace: prompts, and schemas of answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache

from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for

from paceline.api import gateway_reasons as reasons
from paceline.api.gateway import Gateway
from paceline.api.references import ConfigMapKey
from paceline.api.route_spec import PromptVersion
from paceline.gateway.check import MAX_PROMPT_BYTES, MAX_SCHEMA_BYTES
from paceline.gateway.ir import Prompt
from paceline.gateway.unresolved import Unresolved

#: Members of a schema that have any values, in which nothing is a reference.
_DATA = {"const", "enum", "default", "example", "examples"}
#: By name and key of a ConfigMap.
Texts = Mapping[tuple[str, str], str]


def wanted(gateway: Gateway) -> frozenset[tuple[str, str]]:
    """Names and keys of the ConfigMaps that a Gateway needs, for whoever reads them."""
    prompts = {_place(each.prompt_ref) for each in gateway.spec.routes if each.prompt_ref}
    schemas = {(ref.name, ref.key) for each in gateway.spec.routes if (ref := each.response_schema_ref)}
    return frozenset(prompts | schemas)


def prompt(ref: PromptVersion | None, texts: Texts) -> Prompt | None:
    """The prompt that a route puts before each conversation.

    Raises:
        Unresolved: it is not there, or too long.
    """
    if ref is None:
        return None
    text = _text(_place(ref), texts)
    if len(text.encode("utf-8", "surrogatepass")) > MAX_PROMPT_BYTES:
        words = f"the prompt in ConfigMap {ref.name}, key v{ref.version}, has more than {MAX_PROMPT_BYTES} bytes"
        raise Unresolved(reasons.REFERENCE_INVALID, words)
    return Prompt(f"{ref.name}@{ref.version}", text)


def schema(ref: ConfigMapKey | None, texts: Texts) -> str | None:
    """The schema that a route's answers are checked against.

    Raises:
        Unresolved: it is not there, or no JSON Schema.
    """
    if ref is None:
        return None
    text = _text((ref.name, ref.key), texts)
    if len(text.encode("utf-8", "surrogatepass")) > MAX_SCHEMA_BYTES:
        words = f"the schema in ConfigMap {ref.name}, key {ref.key}, has more than {MAX_SCHEMA_BYTES} bytes"
        raise Unresolved(reasons.REFERENCE_INVALID, words)
    if problem := _schema_problem(text):
        words = f"ConfigMap {ref.name}, key {ref.key}, is no JSON Schema: {problem}"
        raise Unresolved(reasons.REFERENCE_INVALID, words)
    return text


def _away(part: object) -> Iterator[str]:
    """References that lead out of a schema: nobody fetches what they name."""
    if isinstance(part, list):
        for each in part:
            yield from _away(each)
    elif isinstance(part, dict):
        for name, each in part.items():
            if name in {"$ref", "$dynamicRef", "$recursiveRef"} and isinstance(each, str):
                yield from [] if each.startswith("#") else [each]
            elif name not in _DATA:
                yield from _away(each)


def _place(ref: PromptVersion) -> tuple[str, str]:
    return ref.name, f"v{ref.version}"


def _text(place: tuple[str, str], texts: Texts) -> str:
    if place not in texts:
        raise Unresolved(reasons.REFERENCE_MISSING, f"there is no ConfigMap {place[0]} with key {place[1]}")
    return texts[place]


@lru_cache(maxsize=256)
def _schema_problem(text: str) -> str:
    """What is wrong with a schema; "" nothing. It takes milliseconds, and routes are translated often."""
    try:
        document = json.loads(text)
        if not isinstance(document, dict):
            return "it must be a JSON object"
        validator_for(document).check_schema(document)
        if away := next(_away(document), ""):
            return f"it refers to {away[:200]!r}, and only references within it, which begin with #, are followed"
    except RecursionError:
        return "it is nested too deeply"
    except ValueError as error:
        return f"it is no JSON ({error})"
    except SchemaError as error:
        return f"{'.'.join(map(str, error.absolute_path)) or 'it'}: {error.message[:200]}"
    return ""
