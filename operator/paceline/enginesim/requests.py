"""What clients may ask for, checked at the edge. Unknown fields are ignored, as vLLM does."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

Stop = Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=16)]


def _misfit(field: str, words: str) -> PydanticCustomError:
    """Return the error of a field that does not fit to other fields."""
    return PydanticCustomError("misfit", words, {"field": field})


class StreamOptions(BaseModel):
    """OpenAI's stream_options with vLLM's addition."""

    include_usage: bool = False
    continuous_usage_stats: bool = False


class JsonSchema(BaseModel):
    """The schema of a JSON answer."""

    name: str = "answer"
    json_schema: dict[str, Any] | bool = Field(default_factory=dict, alias="schema")
    strict: bool | None = None


class ResponseFormat(BaseModel):
    """OpenAI's response_format."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _has_schema(self) -> ResponseFormat:
        if self.type == "json_schema" and self.json_schema is None:
            raise _misfit(
                "json_schema",
                "json_schema is missing: give response_format.json_schema.schema, or use type json_object",
            )
        return self


class Generate(BaseModel):
    """Fields that chat and completions share."""

    model_config = ConfigDict(extra="ignore")

    model: str
    max_tokens: int | None = Field(None, ge=0)
    min_tokens: int = Field(0, ge=0)
    n: int = Field(1, ge=1, le=128)
    temperature: float | None = Field(1.0, ge=0, le=2)
    top_p: float | None = Field(1.0, gt=0, le=1)
    stop: Stop | None = None
    seed: int | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    ignore_eos: bool = False
    prompt_logprobs: int | None = Field(None, ge=0, le=20)
    response_format: ResponseFormat | None = None

    @field_validator("stop", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("n", "stream", "min_tokens", "ignore_eos", mode="before")
    @classmethod
    def _null_is_default(cls, value: Any, info: Any) -> Any:
        return cls.model_fields[info.field_name].default if value is None else value

    @model_validator(mode="after")
    def _options_fit(self) -> Generate:
        if self.stream_options is not None and not self.stream:
            words = "stream_options only works with stream: set stream to true or leave stream_options out"
            raise _misfit("stream_options", words)
        if self.prompt_logprobs is not None and self.stream:
            raise _misfit("prompt_logprobs", "prompt_logprobs does not work with stream: set stream to false")
        if self.longest is not None and self.min_tokens > self.longest:
            words = f"min_tokens is {self.min_tokens}: at most {self.longest} tokens are asked for, so ask for more"
            raise _misfit("min_tokens", f"{words} or lower min_tokens")
        return self

    @property
    def longest(self) -> int | None:
        """Most tokens of an answer, where the client says so."""
        return self.max_tokens

    @property
    def usage_at_end(self) -> bool:
        """A last chunk carries the usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def usage_always(self) -> bool:
        """Every chunk carries the usage so far (vLLM wants include_usage beside it)."""
        return self.usage_at_end and self.stream_options is not None and self.stream_options.continuous_usage_stats


class Message(BaseModel):
    """One message of a chat; its parts are read in prompts.py."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] | None = None


class Function(BaseModel):
    """A function that the model may call."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(BaseModel):
    """A tool; only functions exist."""

    type: Literal["function"] = "function"
    function: Function


class NamedFunction(BaseModel):
    """The function of a named tool choice."""

    name: str


class NamedTool(BaseModel):
    """A tool choice by name."""

    type: Literal["function"] = "function"
    function: NamedFunction


class ChatRequest(Generate):
    """POST /v1/chat/completions."""

    messages: list[Message] = Field(min_length=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    logprobs: bool | None = False
    top_logprobs: int | None = Field(0, ge=0, le=20)
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None

    @model_validator(mode="after")
    def _chat_fits(self) -> ChatRequest:
        if self.max_tokens == 0:
            raise _misfit("max_tokens", "max_tokens is 0: ask for at least 1 token")
        if self.top_logprobs and not self.logprobs:
            words = "top_logprobs only works with logprobs: set logprobs to true or leave top_logprobs out"
            raise _misfit("top_logprobs", words)
        if self.tool_choice is not None and self.tool_choice != "none" and not self.tools:
            raise _misfit("tool_choice", "tool_choice only works with tools: give tools or leave tool_choice out")
        return self

    @property
    def longest(self) -> int | None:
        """Most tokens of an answer, where the client says so."""
        return self.max_completion_tokens or self.max_tokens


class CompletionRequest(Generate):
    """POST /v1/completions."""

    prompt: str | list[int] | list[str] | list[list[int]]
    max_tokens: int | None = Field(16, ge=0)
    logprobs: int | None = Field(None, ge=0, le=20)
    echo: bool | None = False
    suffix: str | None = None

    @model_validator(mode="after")
    def _completion_fits(self) -> CompletionRequest:
        if self.max_tokens == 0 and not self.echo:
            raise _misfit("max_tokens", "max_tokens is 0: ask for at least 1 token, or set echo to true")
        if self.suffix:
            raise _misfit("suffix", "suffix is not supported: leave it out")
        return self


class EmbeddingRequest(BaseModel):
    """POST /v1/embeddings."""

    model_config = ConfigDict(extra="ignore")

    model: str
    input: str | list[int] | list[str] | list[list[int]]
    encoding_format: Literal["float", "base64"] | None = "float"
    dimensions: int | None = Field(None, ge=1, le=4096)


class RerankRequest(BaseModel):
    """POST /v1/rerank."""

    model_config = ConfigDict(extra="ignore")

    model: str
    query: str
    documents: list[str] = Field(min_length=1, max_length=4096)
    top_n: int = Field(0, ge=0)


class TokenizeRequest(BaseModel):
    """POST /tokenize, as in vLLM: a text or a chat."""

    model_config = ConfigDict(extra="ignore")

    prompt: str | None = None
    messages: list[Message] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> TokenizeRequest:
        if (self.prompt is None) is (self.messages is None):
            raise _misfit("prompt", "give either prompt or messages")
        return self
