"""Entries of a Gateway's routes: what happens to the requests for one model name."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from paceline.api.backend_spec import Backend
from paceline.api.base import LABEL_PATTERN, Model, cel, only, rules
from paceline.api.model_spec import SERVED_NAME_PATTERN
from paceline.api.references import OBJECT_PATTERN, ConfigMapKey

Failure = Literal["ConnectFailure", "RateLimited", "ServerError"]
Balance = Literal["LeastRequest", "PrefixAffinity"]
OnInvalidResponse = Literal["Refuse", "RetryOnce"]


class PromptVersion(Model):
    """promptRef is one version of a system prompt, kept in a ConfigMap."""

    name: str = Field(
        min_length=1,
        max_length=253,
        pattern=OBJECT_PATTERN,
        description="name of a ConfigMap in the same namespace. Its key v<version>, such as v7, holds the prompt.",
    )
    version: int = Field(
        ge=1, le=2147483647, description="version is the number of the prompt; a prompt never changes under its number."
    )


class Retry(Model):
    """retry says which failures another backend gets a chance to make good."""

    attempts: int = Field(
        2,
        ge=0,
        le=16,
        description="attempts is how many times a request is tried again; 0 never. Default: 2.",
    )
    retry_on: tuple[Failure, ...] = Field(
        ("ConnectFailure", "RateLimited", "ServerError"),
        min_length=1,
        max_length=8,
        description="retryOn are the failures after which a request is tried again, while no byte of an answer has "
        "reached the client: ConnectFailure (there is no connection), RateLimited (429), ServerError (5xx, a "
        "connection that breaks, or no first byte within firstByteTimeoutSeconds). Clients must accept values that "
        "they do not know. Default: all three.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )


class Waiting(Model):
    """waiting says how requests queue while all engines are busy or are started from zero."""

    max_seconds: int = Field(
        120,
        ge=0,
        le=3600,
        description="maxSeconds is how long a request may wait for an engine; then it is answered 429 with "
        "Retry-After. 0: none waits. Default: 120.",
    )
    max_requests: int = Field(
        1000,
        ge=0,
        le=100_000,
        description="maxRequests is how many requests may wait at a time; further ones are answered 429 with "
        "Retry-After. Default: 1000.",
    )


class Mirror(Model):
    """mirror sends copies of requests to a backend whose answers nobody gets."""

    backend: str = Field(
        min_length=1,
        max_length=63,
        pattern=LABEL_PATTERN,
        description="backend is the name of an entry of backends. Its weight is 0, so that it gets copies only.",
    )
    weight_percent: int = Field(
        ge=1, le=100, description="weightPercent is the share of requests of which a copy is sent, in percent."
    )


_MIRRORED = "(has(self.mirror) && b.name == self.mirror.backend)"

_RULES = (
    cel(
        "self.backends.exists(b, b.weight > 0)",
        message="must have at least one entry with a weight above 0, or nobody answers; raise a weight",
        field=".backends",
    ),
    cel(
        f"self.backends.all(b, {_MIRRORED} || self.backends.exists(o, o.priority == b.priority && o.weight > 0))",
        message="must have a weight above 0 in each priority, or there is nobody to turn to; raise a weight or remove "
        "the backends of that priority",
        field=".backends",
    ),
    cel(
        "!has(self.mirror) || self.backends.exists(b, b.name == self.mirror.backend && b.weight == 0)",
        expression="'must be the name of an entry of backends with weight 0, and ' + self.mirror.backend + ' is not: "
        "who gets copies answers nobody; add that backend, or set its weight to 0'",
        field=".mirror.backend",
    ),
    cel(
        "self.firstByteTimeoutSeconds <= self.timeoutSeconds",
        message="must be at most timeoutSeconds, within which the whole answer is to end; lower "
        "firstByteTimeoutSeconds (default 30) or raise timeoutSeconds (default 600)",
        field=".firstByteTimeoutSeconds",
    ),
    only(
        "onInvalidResponse",
        "has(self.responseSchemaRef)",
        "may not be set: without responseSchemaRef no response is checked; remove onInvalidResponse",
    ),
)


class Route(Model):
    """What happens to the requests for one model name."""

    model_config = ConfigDict(json_schema_extra=rules(*_RULES))

    model: str = Field(
        min_length=1,
        max_length=128,
        pattern=SERVED_NAME_PATTERN,
        description='model is what clients put into "model".',
    )
    backends: tuple[Backend, ...] = Field(
        min_length=1,
        max_length=16,
        description="backends are who answers: by priority, and within a priority by weight.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    prompt_ref: PromptVersion | None = Field(
        None,
        description="promptRef is a system prompt that is put before each conversation. Default: none.",
    )
    timeout_seconds: int = Field(
        600,
        ge=1,
        le=86400,
        description="timeoutSeconds is how long an answer may take to its last byte, streams included. Stopping pods "
        "wait as long as the longest of all routes. Default: 600.",
    )
    first_byte_timeout_seconds: int = Field(
        30,
        ge=1,
        le=86400,
        description="firstByteTimeoutSeconds is how long a backend may take to its first byte; then the next one is "
        "tried. Default: 30.",
    )
    retry: Retry = Field(Retry(), description="retry says which failures another backend gets a chance to make good.")
    max_output_tokens: int = Field(
        4096,
        ge=1,
        le=10_000_000,
        description="maxOutputTokens is written into requests that set no bound on their output, so that no answer is "
        "endless and its cost is known in advance. Default: 4096.",
    )
    balance: Balance = Field(
        "LeastRequest",
        description="balance says which engine of a backend gets a request: LeastRequest (the one with the fewest in "
        "flight) or PrefixAffinity (one that has probably seen the begin of this prompt, unless it is much busier than "
        "the others). Clients must accept values that they do not know. Default: LeastRequest.",
    )
    waiting: Waiting = Field(
        Waiting(), description="waiting says how requests queue while all engines are busy or are started from zero."
    )
    response_schema_ref: ConfigMapKey | None = Field(
        None,
        description="responseSchemaRef is a JSON Schema that answers are checked against, their content and not only "
        "their syntax. Such answers are held back until they are whole. Default: none.",
    )
    on_invalid_response: OnInvalidResponse | None = Field(
        None,
        description="onInvalidResponse says what happens to an answer that does not match responseSchemaRef: Refuse "
        "(the client gets an error) or RetryOnce (the model is asked once more, and told what was wrong). Clients must "
        "accept values that they do not know. Default: Refuse.",
    )
    mirror: Mirror | None = Field(
        None,
        description="mirror sends copies of requests to a backend whose answers nobody gets. They count for no "
        "objective, no budget and no scaling. Default: none.",
    )
