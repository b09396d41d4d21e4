"""The one error type of the embedded cluster."""

from __future__ import annotations

from paceline.errors import PacelineError


class LocalError(PacelineError):
    """Something on this machine stands in the way.

    Attributes:
        message: What is wrong, in one sentence.
        remedy: What to do about it, in one sentence.
    """

    retry = False

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__("LocalCluster", message)
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class UnreadableError(LocalError):
    """What etcd wrote earlier cannot be read, say after a power cut."""
