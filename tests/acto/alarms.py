"""An alarm: an oracle that is not content with a case."""

from __future__ import annotations

from dataclasses import dataclass

from tests.acto.cases import Case


@dataclass(frozen=True)
class Alarm:
    """What an oracle has to say against a case.

    Attributes:
        oracle: admission, child, named, visible, untouched, returned, conditions or settled.
        path: The field that was changed.
        change: How.
        words: What was seen, and what was expected.
    """

    oracle: str
    path: str
    change: str
    words: str
    seed: str = ""

    @classmethod
    def of(cls, oracle: str, case: Case, words: str) -> Alarm:
        """An alarm about a case."""
        return cls(oracle, case.path, case.name, words, case.seed)

    def __str__(self) -> str:
        return f"{self.oracle}: {self.seed}: {self.path}: {self.change}: {self.words}"
