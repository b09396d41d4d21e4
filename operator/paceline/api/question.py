"""What a gateway says of a request when it asks for admission: the header x-pl-request, one JSON object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from paceline.api.base import describe

#: What the gateway's script takes for a bound or a length at most.
_MOST = 2**53
_Count = Annotated[int, Field(ge=0, le=_MOST)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request that waits to be let through.

    Attributes:
        client: Id of the consumer, <audience>.<policy>.<namespace>.<name>.
        model: As the client asked for it.
        bound: Tokens of one answer at most.
        n: Answers to each prompt.
        prompt_bytes: Of the prompt's JSON.
        media: Images and other parts that are no text.
        prompts: Prompts in the request.
        body_bytes: Of the whole body; 0 where that is not told. Tools and schemas are read by the model too.
    """

    client: Annotated[str, Field(max_length=512)]
    model: Annotated[str, Field(max_length=256)]
    operation: Annotated[str, Field(max_length=64)] = ""
    stream: bool = False
    bound: _Count = 0
    n: _Count = 1
    prompt_bytes: _Count = 0
    media: _Count = 0
    prompts: _Count = 1
    body_bytes: _Count = 0

    __pydantic_config__ = ConfigDict(extra="ignore", strict=True)

    @property
    def consumer(self) -> str:
        """namespace/name of the Consumer; "" where the id is not of that form."""
        parts = self.client.split(".")
        return "/".join(parts[2:]) if len(parts) == 4 and all(parts) else ""


_HEADER = TypeAdapter(Question)


def parse(text: str) -> Question:
    """Read the header.

    Raises:
        ValueError: it is no such object; the message says what is wrong with which field.
    """
    try:
        return _HEADER.validate_json(text)
    except ValidationError as wrong:
        raise ValueError(describe(wrong, "x-pl-request")) from None
