"""How long one engine step takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StepParameters:
    """Constants of the step model; all times in milliseconds.

    Attributes:
        overhead_ms: What every step takes besides: scheduling, sampling, launching.
        weights_ms: Reading the weights once: their bytes on one accelerator over its memory bandwidth.
        token_ms: Multiplying one token with the weights, decoded or of a prompt.
        sequence_ms: Each decoding sequence, on top.
        context_token_ms: Each token of context that decoding sequences read from the KV cache.
        prefill_square_ms: Each pair of attended positions in a prefill chunk (n^2 + 2 n x for a chunk of n
            tokens behind x computed ones).
        prefill_ms: A step that computes any prompt, on top.
        eager_ms: No step without CUDA graphs is shorter (the host launches every kernel). 0 means that
            every step of this engine runs from graphs.
        graph_context_tokens: Decode steps leave the CUDA graphs once a sequence is longer than this.
        intake_ms: Between the arrival in the server and the scheduler seeing the request (HTTP,
            tokenization, queue between processes).
        wake_ms: Added to the first step after the engine stood idle.
    """

    overhead_ms: float
    weights_ms: float
    token_ms: float
    sequence_ms: float
    context_token_ms: float
    prefill_square_ms: float
    prefill_ms: float
    eager_ms: float
    graph_context_tokens: int
    intake_ms: float
    wake_ms: float


@dataclass(slots=True)
class StepWork:
    """What a step computes.

    Attributes:
        decoding: Sequences that get one more token from a decode.
        context_tokens: Sum of the decoding sequences' contexts.
        longest_context: The longest of them.
        prefill_tokens: Prompt tokens computed.
        prefill_square: Sum over chunks of n^2 + 2 n x.
    """

    decoding: int = 0
    context_tokens: int = 0
    longest_context: int = 0
    prefill_tokens: int = 0
    prefill_square: int = 0

    def add_decode(self, context: int) -> None:
        """Add one sequence that decodes behind ``context`` tokens."""
        self.decoding += 1
        self.context_tokens += context
        self.longest_context = max(self.longest_context, context)

    def add_prefill(self, tokens: int, computed: int) -> None:
        """Add a prefill chunk of ``tokens`` behind ``computed`` tokens that are in the cache already."""
        self.prefill_tokens += tokens
        self.prefill_square += tokens * (tokens + 2 * computed)


def step_seconds(parameters: StepParameters, work: StepWork) -> float:
    """Return the duration of a step in seconds.

    Reading the weights and multiplying with them overlap, so the longer of the two counts: a few hundred
    tokens per step are almost free, more are not. Attention and overheads come on top. The form is the
    handbook's (section 4.1), with its maximum narrowed to the part that a roofline describes. Steps outside
    of the CUDA graphs (any prompt, very long contexts) have the launch time as a floor.
    """
    total = (
        parameters.overhead_ms
        + max(parameters.weights_ms, parameters.token_ms * (work.prefill_tokens + work.decoding))
        + parameters.sequence_ms * work.decoding
        + parameters.context_token_ms * work.context_tokens
        + parameters.prefill_square_ms * work.prefill_square
    )
    if work.prefill_tokens:
        total += parameters.prefill_ms
    if work.prefill_tokens or work.longest_context > parameters.graph_context_tokens:
        total = max(total, parameters.eager_ms)
    return total / 1000.0
