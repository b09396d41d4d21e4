"""Whether a text is JSON that matches a schema."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from jsonschema.exceptions import best_match
from jsonschema.protocols import Validator
from jsonschema.validators import Draft202012Validator, validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

#: Of what is said of a mismatch; a value that is quoted may be as long as the answer.
MOST_WORDS = 500


def problem(schema: str, text: str) -> str:
    """What is wrong with a text; "" nothing.

    Args:
        schema: JSON Schema. References that lead out of it are not followed, and `format` is no rule.
        text: Whole, with nothing before or after the JSON.
    """
    try:
        document = json.loads(text, parse_constant=_constant, object_pairs_hook=_object)
    except RecursionError:
        return "It is nested too deeply."
    except ValueError as error:
        return _short(f"It is no JSON: {error}.")
    try:
        found = best_match(_validator(schema).iter_errors(document))
    except RecursionError:
        return "It cannot be checked: the schema, or the answer, is nested too deeply."
    except Unresolvable:
        return "It cannot be checked: the schema refers to something that is not in it."
    return _short(f"{found.json_path}: {found.message}") if found else ""


@lru_cache(maxsize=64)
def _validator(schema: str) -> Validator:
    """With a registry of its own: the default one would fetch what a schema refers to."""
    document = json.loads(schema)
    made: Validator = validator_for(document, default=Draft202012Validator)(document, registry=Registry())
    return made


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has a name twice")
    return found


def _short(words: str) -> str:
    return words if len(words) <= MOST_WORDS else f"{words[:MOST_WORDS]}…"
