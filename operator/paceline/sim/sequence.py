"""One request inside the engine."""

from __future__ import annotations

from paceline.sim.blocks import Lease


class Sequence:
    """A prompt and the answer that grows behind it.

    Attributes:
        id: Name given by the caller.
        prompt_tokens: Length of the prompt.
        output_tokens: Tokens after which it ends; the caller may lower it while the sequence runs. 0: the prompt is
            computed and nothing else.
        prefix: Hashes of the prompt's full blocks (see ``chain_hashes``).
        arrival: When it came, in seconds.
        ready: When the scheduler sees it, in seconds.
        computed: Tokens whose keys and values are in the cache.
        generated: Tokens of the answer so far.
        cached: Prompt tokens that the prefix cache saved at the first admission.
        preemptions: How often it was thrown out for lack of blocks.
        scheduled: When it first got into a step; None while it waits.
        first_token: When its first token came; None before.
        last_token: When its last token so far came.
        lease: Blocks it holds; None while it waits.
    """

    __slots__ = (
        "arrival",
        "cached",
        "computed",
        "first_token",
        "generated",
        "id",
        "last_token",
        "lease",
        "output_tokens",
        "preemptions",
        "prefix",
        "prompt_tokens",
        "ready",
        "scheduled",
    )

    def __init__(self, id: str, *, prompt_tokens: int, output_tokens: int, prefix: tuple[int, ...] = ()) -> None:
        if prompt_tokens < 1 or output_tokens < 0:
            raise ValueError(
                f"sequence {id!r} has {prompt_tokens} prompt and {output_tokens} output tokens; "
                "it must have 1 or more and 0 or more"
            )
        self.id = id
        self.prompt_tokens = prompt_tokens
        self.output_tokens = output_tokens
        self.prefix = prefix
        self.arrival = 0.0
        self.ready = 0.0
        self.computed = 0
        self.generated = 0
        self.cached = 0
        self.preemptions = 0
        self.scheduled: float | None = None
        self.first_token: float | None = None
        self.last_token: float | None = None
        self.lease: Lease | None = None

    @property
    def tokens(self) -> int:
        """Prompt and answer so far."""
        return self.prompt_tokens + self.generated

    @property
    def finished(self) -> bool:
        """All tokens of the answer are there."""
        return self.generated >= self.output_tokens
