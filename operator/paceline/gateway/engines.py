"""What a gateway must know of the kinds of engines."""

from __future__ import annotations

from dataclasses import dataclass

from paceline.api.engine_spec import EngineType
from paceline.gateway.ir import Usage


@dataclass(frozen=True, slots=True)
class Traits:
    """How an engine answers.

    Attributes:
        usage: What its streams can be asked to say of tokens.
        early_headers: It sends the headers of a stream before the first token.
    """

    usage: Usage
    early_headers: bool


#: An image of which nothing is known is asked for what the OpenAI API itself has.
TRAITS: dict[EngineType, Traits] = {
    "VLLM": Traits("Continuous", early_headers=True),
    "SGLang": Traits("Continuous", early_headers=True),
    "Simulator": Traits("Continuous", early_headers=True),
    "LlamaCpp": Traits("Final", early_headers=False),
    "Custom": Traits("Final", early_headers=False),
}
