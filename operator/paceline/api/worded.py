"""Patterns that are refused in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from paceline.api.base import cel, rules


@dataclass(frozen=True, slots=True)
class Worded:
    """What a text looks like, as metadata of a field: a rule for the API server, and the same check once more here.

    The second one is for objects that an older CRD let in.

    Attributes:
        pattern: Of the whole text, without ^ and $, and read alike by RE2 and Python; no backslashes.
        words: What a text of another form must be.
    """

    pattern: str
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        inner = handler(schema)
        rule = cel(f"self.matches('^({self.pattern})$')", message=self.words)
        return {**inner, **rules(*inner.get("x-kubernetes-validations", ()), rule)}

    def _checked(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise ValueError(self.words)
        return text
