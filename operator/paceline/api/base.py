"""What every model of the API shares: camelCase outside, snake_case inside, frozen."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

#: 99 and "99.5" are both right; floats never enter the API.
DECIMAL_PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,6})?$"
SHARE_PATTERN = r"^[1-9][0-9]?(\.[0-9]{1,6})?$"

#: Lower-case DNS label, as Kubernetes wants it for names that become host names.
LABEL_PATTERN = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"


class Model(BaseModel):
    """A part of a kind. Unknown fields are ignored: the API server has already refused or pruned them."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, frozen=True, extra="ignore"
    )


def _decimal_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


#: A decimal as text, written by users as a number without a point or as a string.
DecimalText = Annotated[
    str,
    Field(
        pattern=DECIMAL_PATTERN,
        max_length=19,
        # The pattern is of a text, these bounds are of an integer.
        json_schema_extra={"minimum": 0, "maximum": 10**12 - 1, "x-kubernetes-int-or-string": True},
    ),
    BeforeValidator(_decimal_text),
]

#: A share in percent, at least 1 and below 100, written like a decimal.
ShareText = Annotated[
    str,
    Field(
        pattern=SHARE_PATTERN,
        max_length=9,
        json_schema_extra={"minimum": 1, "maximum": 99, "x-kubernetes-int-or-string": True},
    ),
    BeforeValidator(_decimal_text),
]


def cel(rule: str, *, message: str = "", expression: str = "", field: str = "", reason: str = "") -> dict[str, str]:
    """One entry of x-kubernetes-validations.

    Args:
        rule: CEL that must be true.
        message: What is wrong and what to do, where the API server adds the value by itself.
        expression: CEL string that says it with the value. Numbers cannot stand in it: the API server estimates the
            cost of string(int) as unbounded and refuses the CRD.
        field: fieldPath relative to where the rule stands, such as ".engine.type".
        reason: FieldValueInvalid (the default of Kubernetes), FieldValueForbidden, …
    """
    entry = {"rule": rule, "message": message, "messageExpression": expression, "fieldPath": field, "reason": reason}
    return {key: value for key, value in entry.items() if value}


def only(field: str, where: str, message: str) -> dict[str, str]:
    """A rule that refuses a field of its object except where CEL `where` is true."""
    return cel(f"!has(self.{field}) || {where}", message=message, field=f".{field}", reason="FieldValueForbidden")


def member(field: str, kind: str, *, of: str) -> dict[str, str]:
    """A rule that asks for a member of a union where its type is the member's, and refuses it elsewhere.

    Args:
        field: The member.
        kind: The type that it belongs to.
        of: Name of the union, for the message.
    """
    return cel(
        f"has(self.{field}) == (self.type == '{kind}')",
        expression=f"'must be set when, and only when, {of}.type is {kind}; type is ' + self.type",
        field=f".{field}",
    )


def rules(*entries: dict[str, str]) -> dict[str, Any]:
    """`json_schema_extra` that carries CEL rules."""
    return {"x-kubernetes-validations": list(entries)}


def describe(error: ValidationError, root: str) -> str:
    """Say in words what pydantic refused: each field with its value and what it must be.

    Args:
        error: What `model_validate` raised.
        root: Path of the validated object, such as "spec".
    """
    lines = []
    for item in error.errors(include_url=False):
        # A part of the path can be a key of a map, of any length.
        path = ".".join([root, *(_short(str(part)) for part in item["loc"])])
        shown = _short(repr(item["input"]))
        lines.append(f"{path}: {item['msg']}, but it is {shown}" if item["type"] != "missing" else f"{path} is missing")
    return "; ".join(lines)


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}…"
