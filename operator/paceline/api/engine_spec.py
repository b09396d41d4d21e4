"""spec.engine: the program that serves the model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from paceline.api.base import Model, member, rules

PATH_PATTERN = r"^/[A-Za-z0-9._~/%-]*$"
METRIC_PATTERN = r"^[a-zA-Z_:][a-zA-Z0-9_:]*$"
IMAGE_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9._:/@-]*[A-Za-z0-9])?$"

Argument = Annotated[str, Field(max_length=4096)]
EngineType = Literal["VLLM", "SGLang", "LlamaCpp", "Simulator", "Custom"]
Inference = Literal["OpenAI", "None"]
BatchingType = Literal["Continuous", "Dynamic", "Static"]


class CustomMetrics(Model):
    """metrics says where a custom engine shows its own figures."""

    path: str = Field(
        "/metrics",
        max_length=256,
        pattern=PATH_PATTERN,
        description="path of the Prometheus page on the engine's port. Default: /metrics.",
    )
    ttft: str = Field(
        "vllm:time_to_first_token_seconds",
        max_length=128,
        pattern=METRIC_PATTERN,
        description="ttft is the histogram of the time to first token in seconds, without _bucket. Default: vLLM's.",
    )
    tpot: str = Field(
        "vllm:request_time_per_output_token_seconds",
        max_length=128,
        pattern=METRIC_PATTERN,
        description="tpot is the histogram of the time per output token in seconds, without _bucket. Default: vLLM's.",
    )


class Custom(Model):
    """custom says how an image that paceline does not know is run and asked."""

    command: tuple[Argument, ...] = Field(
        (),
        max_length=64,
        description="command replaces the image's entry point; it is not run in a shell. Default: the image's own.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    port: int = Field(
        8000, ge=1024, le=65535, description="port is where the engine listens for HTTP; from 1024 up. Default: 8000."
    )
    readiness_path: str = Field(
        "/health",
        max_length=256,
        pattern=PATH_PATTERN,
        description="readinessPath answers 200 to GET when, and only when, the engine can serve. Default: /health.",
    )
    inference: Inference = Field(
        "OpenAI",
        description="inference is the API that the engine speaks and so how paceline tests that it answers: OpenAI, or "
        "None (Available then follows pod readiness, reason NotProbed). Default: OpenAI.",
    )
    metrics: CustomMetrics | None = Field(
        None,
        description="metrics says where the engine shows its own TTFT and TPOT. Default: nothing is read, and the "
        "figures stay empty.",
    )


class DynamicBatching(Model):
    """dynamic collects requests until the batch is full or the window is over."""

    max_batch_size: int = Field(
        8, ge=1, le=4096, description="maxBatchSize is the largest number of requests in one batch. Default: 8."
    )
    window_milliseconds: int = Field(
        100,
        ge=0,
        le=60000,
        description="windowMilliseconds is how long the first request of a batch waits for others. Default: 100.",
    )


class StaticBatching(Model):
    """static waits until a batch is full."""

    batch_size: int = Field(
        8,
        ge=1,
        le=4096,
        description="batchSize is the number of requests that a batch waits for before it starts. Default: 8.",
    )


class Batching(Model):
    """batching says how the engine puts requests together."""

    model_config = ConfigDict(
        json_schema_extra=rules(member("dynamic", "Dynamic", of="batching"), member("static", "Static", of="batching"))
    )

    type: BatchingType = Field(
        description="type is Continuous (a request joins at the next token), Dynamic (batches by size or window) or "
        "Static (batches of a fixed size)."
    )
    dynamic: DynamicBatching | None = Field(None, description="dynamic holds the settings of type Dynamic.")
    static: StaticBatching | None = Field(None, description="static holds the settings of type Static.")


class Engine(Model):
    """engine says which program serves the model."""

    type: EngineType | None = Field(
        None,
        description="type is the kind of engine: VLLM, SGLang, LlamaCpp (for .gguf files), Simulator (for sim:// uris) "
        "or Custom (any image). Clients must accept values that they do not know. Default: chosen from model.uri.",
    )
    image: str | None = Field(
        None,
        min_length=1,
        max_length=512,
        pattern=IMAGE_PATTERN,
        description="image is the engine's container image. Default: the one that this release of the operator is "
        "configured with. With an image:// uri the uri is the image, and this field stays out.",
    )
    args: tuple[Argument, ...] = Field(
        (),
        max_length=128,
        description="args are added after the arguments that paceline gives the engine; they are not run in a shell.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    max_context_tokens: int | None = Field(
        None,
        ge=1,
        le=100_000_000,
        description="maxContextTokens is the longest sequence, prompt and answer together. Less than the model can do "
        "saves memory. Default: the model's own.",
    )
    custom: Custom | None = Field(
        None, description="custom says how a Custom engine is run and asked. Default: all of its defaults."
    )
    batching: Batching | None = Field(
        None,
        description="batching says how the engine puts requests together; only engines that paceline can tell so take "
        "it. Default: the engine's own (Simulator: Continuous).",
    )
