"""What a gateway must know of the kinds of engines."""

from __future__ import annotations

from dataclasses import dataclass

from paceline.api.engine_spec import EngineType
from paceline.engines import MetricNames, metrics
from paceline.gateway.ir import Usage


@dataclass(frozen=True, slots=True)
class Traits:
    """How an engine answers.

    Attributes:
        usage: What its streams can be asked to say of tokens.
        early_headers: It sends the headers of a stream before the first token.
        metrics: Its page, which says what it has under way; None where nothing is known of one.
        locks_metrics: An engine with a key shows its page only to who brings it.
    """

    usage: Usage
    early_headers: bool
    metrics: MetricNames | None = None
    locks_metrics: bool = False

    def page(self, *, locked: bool) -> MetricNames | None:
        """The page that everybody can read; None where there is none.

        Args:
            locked: The engine has a key.
        """
        return None if locked and self.locks_metrics else self.metrics


#: An image of which nothing is known is asked for what the OpenAI API itself has.
TRAITS: dict[EngineType, Traits] = {
    "VLLM": Traits("Continuous", early_headers=True, metrics=metrics.VLLM),
    "SGLang": Traits("Continuous", early_headers=True, metrics=metrics.SGLANG),
    "Simulator": Traits("Continuous", early_headers=True, metrics=metrics.VLLM),
    "LlamaCpp": Traits("Final", early_headers=False, metrics=metrics.LLAMA_CPP, locks_metrics=True),
    "Custom": Traits("Final", early_headers=False),
}
